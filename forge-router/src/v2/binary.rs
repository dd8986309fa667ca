//! Tensors as bytes behind the JSON: Triton's binary tensor data extension.
//!
//! ```text
//! {"inputs":[{…"binary_data_size":8}, {…"data":[1]}, {…"binary_data_size":4}]}  8 bytes  4 bytes
//! ├──────────────── Inference-Header-Content-Length ────────────────────────┤
//! ```

use bytes::Bytes;

use super::{InferHead, InferInput, InferRequest, TensorMetadata, write_texts};
use crate::v2::Datatype;

/// The bytes are not what the JSON before them says; the client's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BinaryError {
    #[error("input '{input}' has a binary_data_size of {size}, of the body {left} bytes are left")]
    Missing { input: String, size: u64, left: usize },
    #[error("{0} bytes are left over after the inputs' binary data")]
    LeftOver(usize),
    #[error(
        "a body of bytes alone (Inference-Header-Content-Length: 0) is for models of one input, \
         this one takes {0}"
    )]
    NotOneInput(usize),
    #[error(
        "a body of bytes alone (Inference-Header-Content-Length: 0) has to tell the shape of \
         '{input}', which is {shape:?}: send it with JSON"
    )]
    OpenShape { input: String, shape: Vec<i64> },
    #[error("{bytes} bytes cannot be {datatype} of shape {shape:?}, which '{input}' takes")]
    Unfit { input: String, bytes: usize, datatype: Datatype, shape: Vec<i64> },
}

/// Gives each input its slice of what follows the JSON.
pub fn attach(head: InferHead, mut tail: Bytes) -> Result<InferRequest, BinaryError> {
    let InferHead { mut request, binary } = head;
    for (input, size) in request.inputs.iter_mut().zip(binary) {
        let Some(size) = size else { continue };
        let length = usize::try_from(size).ok().filter(|length| *length <= tail.len());
        let Some(length) = length else {
            let (input, left) = (input.name.clone(), tail.len());
            return Err(BinaryError::Missing { input, size, left });
        };
        input.data = tail.split_to(length);
    }
    if tail.is_empty() { Ok(request) } else { Err(BinaryError::LeftOver(tail.len())) }
}

/// The request of a body that is nothing but the one input of a model: one row of it. All outputs come
/// back as bytes.
pub fn raw(body: Bytes, inputs: &[TensorMetadata]) -> Result<InferRequest, BinaryError> {
    let mut needed = inputs.iter().filter(|input| !input.is_optional);
    let (Some(input), None) = (needed.next(), needed.next()) else {
        return Err(BinaryError::NotOneInput(inputs.len()));
    };
    let name = input.name.clone();
    let row = row_shape(input, body.len())?;
    let shape = input.has_rows.then_some(1).into_iter().chain(row).collect();
    let data = match input.datatype {
        Datatype::Numbers(_) => body,
        Datatype::Bytes => {
            let mut text = Vec::with_capacity(size_of::<u32>() + body.len());
            write_texts(&[body], &mut text);
            text.into()
        }
    };
    let inputs = vec![InferInput { name, datatype: input.datatype, shape, data }];
    let mut request = InferRequest { inputs, ..InferRequest::default() };
    request.parameters.binary_data_output = true;
    Ok(request)
}

/// The dimensions of one row, of which at most one is left to the number of bytes.
fn row_shape(input: &TensorMetadata, bytes: usize) -> Result<Vec<u64>, BinaryError> {
    let Datatype::Numbers(dtype) = input.datatype else { return Ok(vec![1]) };
    let (name, shape) = (input.name.clone(), input.row.clone());
    let fixed: Vec<u64> = shape.iter().filter_map(|dim| u64::try_from(*dim).ok()).collect();
    if fixed.len() + 1 < shape.len() {
        return Err(BinaryError::OpenShape { input: name, shape });
    }
    let unfit = || {
        let (input, shape) = (name.clone(), shape.clone());
        BinaryError::Unfit { input, bytes, datatype: Datatype::Numbers(dtype), shape }
    };
    let rest = fixed.iter().try_fold(dtype.size() as u64, |product, dim| product.checked_mul(*dim));
    let rest = rest.filter(|rest| *rest > 0).ok_or_else(unfit)?;
    let free = bytes as u64 / rest;
    if bytes as u64 % rest != 0 || (fixed.len() == shape.len() && free != 1) {
        return Err(unfit());
    }
    Ok(shape.iter().map(|dim| u64::try_from(*dim).unwrap_or(free)).collect())
}
