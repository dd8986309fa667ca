//! The bare elements of one tensor, whose dtype and shape are told beside them.

use super::{FormatError, GivenTensor, memory};
use crate::memory_budget::Reservation;
use crate::tensor::{Dtype, MAX_RANK};

/// Reads a dtype by torch's name.
pub fn dtype(text: &str) -> Result<Dtype, FormatError> {
    Dtype::from_name(text).ok_or_else(|| {
        let names = Dtype::ALL.map(Dtype::name).join(", ");
        FormatError::Invalid(format!("there is no dtype {text:?}; there are {names}"))
    })
}

/// Reads dimensions, outermost first: `3,224,224`, also as Python prints a list or a tuple of them.
/// Nothing between the commas or in the brackets is the shape of a single number.
pub fn shape(text: &str) -> Result<Vec<u64>, FormatError> {
    let wrong = || {
        FormatError::Invalid(format!(
            "the shape {text:?} is not up to {MAX_RANK} dimensions with commas between them, \
             such as 3,224,224"
        ))
    };
    let inner = text.trim();
    let inner = inner.strip_prefix(['[', '(']).unwrap_or(inner);
    let inner = inner.strip_suffix([']', ')']).unwrap_or(inner).trim();
    // A tuple of one has a comma behind it.
    let inner = inner.strip_suffix(',').unwrap_or(inner);
    if inner.is_empty() {
        return Ok(Vec::new());
    }
    let dims: Result<Vec<u64>, _> =
        inner.split(',').take(MAX_RANK + 1).map(|dim| dim.trim().parse()).collect();
    dims.ok().filter(|dims| dims.len() <= MAX_RANK).ok_or_else(wrong)
}

/// Writes dimensions as [`shape`] reads them.
pub fn write_shape(shape: &[u64]) -> String {
    shape.iter().map(u64::to_string).collect::<Vec<_>>().join(",")
}

/// The body as the elements, little-endian.
pub fn decode(
    body: &[u8],
    dtype: Dtype,
    shape: Vec<u64>,
    memory: &mut Reservation,
) -> Result<GivenTensor, FormatError> {
    if memory::bytes_of(&shape, dtype.size()) != Some(body.len()) {
        return Err(FormatError::Invalid(format!(
            "the body has {} bytes, {dtype} of shape [{}] has {}",
            body.len(),
            write_shape(&shape),
            memory::bytes_of(&shape, dtype.size())
                .map_or("more than there can be".to_owned(), |bytes| bytes.to_string())
        )));
    }
    Ok(GivenTensor { name: None, dtype, shape, data: memory::copy(memory, body)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory_budget::MemoryBudget;

    #[test]
    fn shapes_are_read_as_people_write_them() {
        for (text, expected) in [
            ("3,224,224", vec![3, 224, 224]),
            ("[3, 224]", vec![3, 224]),
            ("(3,)", vec![3]),
            (" 7 ", vec![7]),
            ("", vec![]),
            ("[]", vec![]),
            ("0", vec![0]),
        ] {
            assert_eq!(shape(text), Ok(expected), "{text}");
        }
        for text in ["a", "3x2", "-1", "1,,2", "1.5", "1,1,1,1,1,1,1,1,1", "18446744073709551616"] {
            assert!(shape(text).is_err(), "{text}");
        }
        assert_eq!(shape(&write_shape(&[1, 2])), Ok(vec![1, 2]));
    }

    #[test]
    fn a_body_that_is_not_as_long_as_its_shape_is_refused() {
        let mut memory = MemoryBudget::new(1000).reservation();
        let tensor = decode(&[0; 24], Dtype::Float32, vec![2, 3], &mut memory).unwrap();
        assert_eq!((tensor.data.len(), memory.bytes()), (24, 24));
        for shape in [vec![2, 2], vec![], vec![u64::MAX, 2], vec![u64::MAX, u64::MAX]] {
            let told = decode(&[0; 24], Dtype::Float32, shape, &mut memory).unwrap_err();
            assert!(told.to_string().starts_with("the body has 24 bytes, float32"), "{told}");
        }
    }

    #[test]
    fn there_is_no_dtype_of_another_name() {
        assert_eq!(dtype("torch.float16"), Ok(Dtype::Float16));
        assert!(dtype("f4").unwrap_err().to_string().contains("bfloat16"));
    }
}
