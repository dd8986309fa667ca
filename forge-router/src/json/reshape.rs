//! `{"data": …, "shape": […]}`: numbers in a row, or one number for all.

use super::cursor::Cursor;
use super::decode::{Budget, DecodedTensor};
use super::error::DecodeError;
use super::nest::MAX_DIMS;
use super::tensor::Label;
use super::value::read_value;
use crate::tensor::{ArgumentKind, Shape, TensorMeta, Value};

/// What a tensor that is made of one number may take.
pub(super) struct Room<'a> {
    pub(super) most: u64,
    pub(super) budget: &'a mut dyn Budget,
}

/// Reads the dimensions at the cursor.
pub(super) fn read_shape(cursor: &mut Cursor<'_>, name: &str) -> Result<Shape, DecodeError> {
    let at = cursor.at;
    let place = format!("the shape of {}", Label::Named(name));
    let Value::Ints(dims) = read_value(cursor, &ArgumentKind::Ints, &place)? else {
        return Err(cursor.malformed("expected an array of integers"));
    };
    if dims.len() > MAX_DIMS {
        return Err(DecodeError::TooDeep { at, place, limit: MAX_DIMS });
    }
    let negative = dims.iter().find(|dim| **dim < 0).map(i64::to_string);
    let dims: Option<Vec<u64>> = dims.into_iter().map(|dim| u64::try_from(dim).ok()).collect();
    dims.and_then(|dims| Shape::new(&dims)).ok_or_else(|| DecodeError::WrongValue {
        at,
        place,
        literal: negative.unwrap_or_default(),
        expected: "dimensions of 0 or more",
    })
}

/// The tensor in this shape: its elements in their order, or its only one repeated.
pub(super) fn reshape(
    tensor: DecodedTensor,
    shape: Shape,
    name: &str,
    room: &mut Room<'_>,
) -> Result<DecodedTensor, DecodeError> {
    let DecodedTensor { dtype, shape: given, data } = tensor;
    let needed = TensorMeta { dtype, shape }.bytes().unwrap_or(u64::MAX);
    if data.len() as u64 == needed {
        return Ok(DecodedTensor { dtype, shape, data });
    }
    let input = Label::Named(name).to_string();
    if given.rank() != 0 {
        let (given, shape) = (given.to_string(), shape.to_string());
        return Err(DecodeError::WrongShape { input, given, shape });
    }
    let too_large = DecodeError::TooLarge { input, needed, limit: room.most };
    let Some(bytes) = usize::try_from(needed).ok().filter(|_| needed <= room.most) else {
        return Err(too_large);
    };
    if !room.budget.reserve(bytes) {
        return Err(DecodeError::Memory { bytes });
    }
    let data = data.repeat(bytes / dtype.size());
    Ok(DecodedTensor { dtype, shape, data })
}
