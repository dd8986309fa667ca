//! The rows of a request in JSON: the first dimension of each of its tensors, where the client says so.

use crate::model::{GivenInput, NamedInput, RowTensor};
use crate::request::RequestError;
use crate::tensor::Shape;
use crate::v2::MOST_ROWS;

/// Takes the rows off the shapes of all tensors; `None` where there is no tensor.
///
/// # Errors
/// [`RequestError::Invalid`] where a tensor has no rows, too many, or another number of them than the
/// one before it.
pub fn take(given: &mut [NamedInput]) -> Result<Option<u32>, RequestError> {
    let tensors = given.iter_mut().flat_map(|named| match &mut named.given {
        GivenInput::Tensor(tensor) => std::slice::from_mut(tensor),
        GivenInput::Tensors(list) => list.as_mut_slice(),
        GivenInput::Value(_) => &mut [],
    });
    let mut rows = None;
    for RowTensor { row, .. } in tensors {
        let own = rows_of(&row.shape)?;
        if let Some(other) = rows.filter(|rows| *rows != own) {
            let told = format!("a tensor has {own} rows, the one before it {other}");
            return Err(RequestError::Invalid(told));
        }
        rows = Some(own);
        row.shape = row.shape.row().unwrap_or(Shape::SCALAR);
    }
    Ok(rows)
}

fn rows_of(shape: &Shape) -> Result<u32, RequestError> {
    let invalid = |told: String| RequestError::Invalid(told);
    match shape.dims().first() {
        None => Err(invalid("a tensor has no dimensions, expected rows first".to_owned())),
        Some(0) => Err(invalid("a tensor has no rows".to_owned())),
        Some(&rows) => u32::try_from(rows)
            .ok()
            .filter(|rows| u64::from(*rows) <= MOST_ROWS)
            .ok_or_else(|| invalid(format!("{rows} rows, at most {MOST_ROWS} are taken"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pieces::Pieces;
    use crate::tensor::{Dtype, TensorMeta};

    fn tensor(dims: &[u64]) -> NamedInput {
        let row = TensorMeta { dtype: Dtype::Uint8, shape: Shape::new(dims).unwrap() };
        NamedInput {
            name: None,
            given: GivenInput::Tensor(RowTensor { row, data: Pieces::default() }),
        }
    }

    #[test]
    fn rows_are_the_first_dimension_of_every_tensor() {
        let mut given = [tensor(&[3, 2]), tensor(&[3])];
        assert_eq!(take(&mut given).unwrap(), Some(3));
        let GivenInput::Tensor(first) = &given[0].given else { panic!() };
        assert_eq!(first.row.shape.dims(), [2]);
    }

    #[test]
    fn tensors_without_the_same_rows_are_refused() {
        for dims in [&[&[][..]][..], &[&[0, 2]], &[&[70_000]], &[&[3], &[2]]] {
            let mut given: Vec<NamedInput> = dims.iter().map(|dims| tensor(dims)).collect();
            assert!(take(&mut given).is_err(), "{dims:?}");
        }
    }
}
