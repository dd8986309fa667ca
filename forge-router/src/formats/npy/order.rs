//! From Fortran's order of elements, the first dimension fastest, to C's.

/// Writes the elements of `from` to `into` in C's order. Both have as many bytes as `shape`, which has
/// at least one dimension, takes in elements of `size`.
pub(super) fn transpose(from: &[u8], into: &mut [u8], shape: &[u64], size: usize) {
    // What a step along each dimension is in `from`, in elements. The product of all is known to fit.
    let dims: Vec<usize> = shape.iter().map(|dim| *dim as usize).collect();
    let steps: Vec<usize> = dims
        .iter()
        .scan(1, |step, dim| {
            let own = *step;
            *step *= dim;
            Some(own)
        })
        .collect();
    let mut place = vec![0usize; dims.len()];
    let mut source = 0;
    for element in into.chunks_exact_mut(size) {
        element.copy_from_slice(&from[source * size..][..size]);
        for axis in (0..dims.len()).rev() {
            place[axis] += 1;
            source += steps[axis];
            if place[axis] < dims[axis] {
                break;
            }
            source -= steps[axis] * dims[axis];
            place[axis] = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_dimension_becomes_the_fastest() {
        // numpy.arange(24).reshape(2, 3, 4) as Fortran has it.
        let shape = [2, 3, 4];
        let mut fortran = Vec::new();
        for k in 0..4u8 {
            for j in 0..3u8 {
                for i in 0..2u8 {
                    fortran.push(i * 12 + j * 4 + k);
                }
            }
        }
        let mut c = vec![0; 24];
        transpose(&fortran, &mut c, &shape, 1);
        assert_eq!(c, (0..24).collect::<Vec<u8>>());
    }

    #[test]
    fn a_shape_without_elements_has_nothing_to_move() {
        transpose(&[], &mut [], &[0, 3], 4);
    }
}
