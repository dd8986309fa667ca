//! `{"data": …, "shape": […]}`: numbers in a row, or one number for all.

use super::cursor::Cursor;
use super::decode::{Budget, DecodedTensor};
use super::error::DecodeError;
use super::nest::MAX_DIMS;
use super::tensor::Label;
use crate::tensor::{ArgumentKind, Shape, TensorMeta, Value};

/// Reads the dimensions at the cursor.
pub(super) fn read_shape(cursor: &mut Cursor<'_>, name: &str) -> Result<Shape, DecodeError> {
    let at = cursor.at;
    let place = || format!("the shape of {}", Label(Some(name)));
    let Value::Ints(dims) = super::value::read_value(cursor, &ArgumentKind::Ints, name)? else {
        return Err(cursor.malformed("expected an array of integers"));
    };
    if dims.len() > MAX_DIMS {
        return Err(DecodeError::TooDeep { at, place: place(), limit: MAX_DIMS });
    }
    let dims: Option<Vec<u64>> = dims.into_iter().map(|dim| u64::try_from(dim).ok()).collect();
    dims.and_then(|dims| Shape::new(&dims)).ok_or_else(|| DecodeError::WrongValue {
        at,
        place: place(),
        literal: "negative".to_owned(),
        expected: "dimensions of 0 or more",
    })
}

/// The tensor in this shape: its elements in their order, or its only one repeated.
pub(super) fn reshape(
    tensor: DecodedTensor,
    shape: Shape,
    name: &str,
    budget: &mut dyn Budget,
) -> Result<DecodedTensor, DecodeError> {
    let DecodedTensor { dtype, shape: given, data } = tensor;
    let needed = TensorMeta { dtype, shape }.bytes().and_then(|bytes| usize::try_from(bytes).ok());
    let Some(needed) = needed else {
        return Err(DecodeError::Memory { bytes: usize::MAX });
    };
    if data.len() == needed {
        return Ok(DecodedTensor { dtype, shape, data });
    }
    if given.rank() != 0 {
        let (given, shape) = (given.to_string(), shape.to_string());
        return Err(DecodeError::WrongShape { input: Label(Some(name)).to_string(), given, shape });
    }
    if !budget.reserve(needed) {
        return Err(DecodeError::Memory { bytes: needed });
    }
    let data = data.repeat(needed / dtype.size());
    Ok(DecodedTensor { dtype, shape, data })
}
