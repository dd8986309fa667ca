//! The elements of a tensor as numbers, and which of them are the largest.

use std::cmp::Ordering;

use half::{bf16, f16};

use crate::tensor::Dtype;

/// Whether the elements are floats.
pub fn is_float(dtype: Dtype) -> bool {
    matches!(dtype, Dtype::Float16 | Dtype::Bfloat16 | Dtype::Float32 | Dtype::Float64)
}

/// The elements, little-endian, as numbers; of int64, the nearest.
pub fn numbers(dtype: Dtype, elements: &[u8]) -> Vec<f64> {
    match dtype {
        Dtype::Bool | Dtype::Uint8 => each(elements, |[byte]: [u8; 1]| f64::from(byte)),
        Dtype::Int8 => each(elements, |bytes| f64::from(i8::from_le_bytes(bytes))),
        Dtype::Int16 => each(elements, |bytes| f64::from(i16::from_le_bytes(bytes))),
        Dtype::Int32 => each(elements, |bytes| f64::from(i32::from_le_bytes(bytes))),
        Dtype::Int64 => each(elements, |bytes| i64::from_le_bytes(bytes) as f64),
        Dtype::Float16 => each(elements, |bytes| f16::from_le_bytes(bytes).to_f64()),
        Dtype::Bfloat16 => each(elements, |bytes| bf16::from_le_bytes(bytes).to_f64()),
        Dtype::Float32 => each(elements, |bytes| f64::from(f32::from_le_bytes(bytes))),
        Dtype::Float64 => each(elements, f64::from_le_bytes),
    }
}

/// The places of the numbers, that of the largest first. NaN comes last; equal ones stay in their order.
pub fn largest_first(numbers: &[f64]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..numbers.len()).collect();
    places.sort_by(|one, other| match (numbers[*one], numbers[*other]) {
        (one, other) if one.is_nan() || other.is_nan() => one.is_nan().cmp(&other.is_nan()),
        (one, other) => other.partial_cmp(&one).unwrap_or(Ordering::Equal),
    });
    places
}

fn each<const N: usize>(elements: &[u8], read: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    elements.as_chunks().0.iter().map(|bytes| read(*bytes)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_of_every_dtype_are_numbers() {
        for (dtype, bytes, expected) in [
            (Dtype::Bool, vec![1, 0], [1.0, 0.0]),
            (Dtype::Uint8, vec![255, 1], [255.0, 1.0]),
            (Dtype::Int8, vec![255, 1], [-1.0, 1.0]),
            (Dtype::Int16, [-2i16, 300].map(i16::to_le_bytes).concat(), [-2.0, 300.0]),
            (Dtype::Int32, [-2i32, 70_000].map(i32::to_le_bytes).concat(), [-2.0, 70_000.0]),
            (Dtype::Int64, [-2i64, i64::MAX].map(i64::to_le_bytes).concat(), [-2.0, 2f64.powi(63)]),
            (Dtype::Float16, [f16::ONE, -f16::ONE].map(f16::to_le_bytes).concat(), [1.0, -1.0]),
            (Dtype::Bfloat16, [bf16::ONE, -bf16::ONE].map(bf16::to_le_bytes).concat(), [1.0, -1.0]),
            (Dtype::Float32, [0.5f32, -2.0].map(f32::to_le_bytes).concat(), [0.5, -2.0]),
            (Dtype::Float64, [0.1f64, -2.0].map(f64::to_le_bytes).concat(), [0.1, -2.0]),
        ] {
            assert_eq!(numbers(dtype, &bytes), expected, "{dtype}");
        }
    }

    #[test]
    fn nan_is_nobodys_largest_and_equal_ones_stay_in_their_order() {
        let (none, lowest) = (f64::NAN, f64::NEG_INFINITY);
        assert_eq!(largest_first(&[0.5, none, 2.0, lowest, 0.5]), [2, 0, 4, 3, 1]);
        assert_eq!(largest_first(&[0.0, -0.0]), [0, 1]);
    }
}
