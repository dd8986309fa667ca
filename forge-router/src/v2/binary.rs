//! Tensors as bytes behind the JSON: Triton's binary tensor data extension.
//!
//! ```text
//! {"inputs":[{…"binary_data_size":8}, {…"data":[1]}, {…"binary_data_size":4}]}  8 bytes  4 bytes
//! ├──────────────── Inference-Header-Content-Length ────────────────────────┤
//! ```

use super::values::MOST_BYTES;
use super::{Datatype, InferHead, InferInput, InferRequest, TensorMetadata, write_texts};
use crate::pieces::Pieces;

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
    #[error("input '{input}' is a string of {bytes} bytes, at most {MOST_BYTES} are taken")]
    TooLong { input: String, bytes: usize },
    #[error("{bytes} bytes cannot be {datatype} of shape {shape:?}, which '{input}' takes")]
    Unfit { input: String, bytes: usize, datatype: Datatype, shape: Vec<i64> },
}

/// Gives each input its part of what follows the JSON.
pub fn attach(head: InferHead, mut tail: Pieces) -> Result<InferRequest, BinaryError> {
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
pub fn raw(body: Pieces, inputs: &[TensorMetadata]) -> Result<InferRequest, BinaryError> {
    let mut needed = inputs.iter().filter(|input| !input.is_optional);
    let (Some(input), None) = (needed.next(), needed.next()) else {
        return Err(BinaryError::NotOneInput(inputs.len()));
    };
    if input.datatype == Datatype::Bytes && body.len() > MOST_BYTES {
        let (input, bytes) = (input.name.clone(), body.len());
        return Err(BinaryError::TooLong { input, bytes });
    }
    let name = input.name.clone();
    let row = row_shape(input, body.len())?;
    let shape = input.has_rows.then_some(1).into_iter().chain(row).collect();
    let data = match input.datatype {
        Datatype::Numbers(_) => body,
        Datatype::Bytes => {
            let mut text = Vec::with_capacity(size_of::<u32>() + body.len());
            write_texts(&[body.whole()], &mut text);
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
    if !(bytes as u64).is_multiple_of(rest) || (fixed.len() == shape.len() && free != 1) {
        return Err(unfit());
    }
    Ok(shape.iter().map(|dim| u64::try_from(*dim).unwrap_or(free)).collect())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::tensor::Dtype;

    fn input(name: &str, datatype: Datatype, row: &[i64]) -> TensorMetadata {
        let (name, row) = (name.to_owned(), row.to_vec());
        TensorMetadata { name, datatype, row, is_optional: false, has_rows: true }
    }

    fn head(sizes: &[Option<u64>]) -> InferHead {
        let input = |_| InferInput {
            name: "x".to_owned(),
            datatype: Datatype::Numbers(Dtype::Uint8),
            shape: vec![],
            data: Bytes::from_static(b"json").into(),
        };
        let request =
            InferRequest { inputs: sizes.iter().map(input).collect(), ..InferRequest::default() };
        InferHead { request, binary: sizes.to_vec() }
    }

    #[test]
    fn inputs_get_their_bytes_in_their_order() {
        let tail = Bytes::from_static(b"abcde");
        let request =
            attach(head(&[Some(2), None, Some(0), Some(3)]), tail.clone().into()).unwrap();
        let data: Vec<Bytes> = request.inputs.into_iter().map(|input| input.data.whole()).collect();
        assert_eq!(data, ["ab", "json", "", "cde"]);
        assert_eq!(data[0].as_ptr(), tail.as_ptr(), "without a copy");
    }

    #[test]
    fn bytes_that_are_missing_or_left_over_are_told() {
        for (sizes, told) in [
            (&[Some(6)][..], "input 'x' has a binary_data_size of 6, of the body 5 bytes are left"),
            (&[Some(3), Some(3)], "of the body 2 bytes are left"),
            (&[Some(u64::MAX)], "of the body 5 bytes are left"),
            (&[Some(4)], "1 bytes are left over"),
            (&[], "5 bytes are left over"),
        ] {
            let refused = attach(head(sizes), Bytes::from_static(b"abcde").into()).unwrap_err();
            assert!(refused.to_string().contains(told), "{refused}");
        }
    }

    #[test]
    fn a_body_of_bytes_alone_is_one_row_of_the_only_input() {
        let floats = Datatype::Numbers(Dtype::Float32);
        let optional = TensorMetadata { is_optional: true, ..input("y", floats, &[1]) };
        for (row, bytes, shape) in [
            (&[-1][..], 12, &[1, 3][..]),
            (&[2, -1, 2], 48, &[1, 2, 3, 2]),
            (&[3], 12, &[1, 3]),
            (&[], 4, &[1]),
            (&[-1], 0, &[1, 0]),
        ] {
            let inputs = [input("x", floats, row), optional.clone()];
            let request = raw(vec![0; bytes].into(), &inputs).unwrap();
            assert_eq!(request.inputs[0].shape, shape, "{row:?}");
            assert!(request.parameters.binary_data_output);
        }
        let body = Bytes::from_static(b"ab").into();
        let mut text = raw(body, &[input("s", Datatype::Bytes, &[1])]).unwrap();
        assert_eq!(text.inputs.remove(0).data.whole(), "\x02\0\0\0ab");
    }

    #[test]
    fn bytes_alone_that_cannot_be_the_input_are_refused() {
        let floats = Datatype::Numbers(Dtype::Float32);
        let two = [input("x", floats, &[1]), input("y", floats, &[1])];
        for (inputs, bytes, told) in [
            (&two[..], 4, "for models of one input, this one takes 2"),
            (&[], 4, "this one takes 0"),
            (&[input("x", floats, &[-1, -1])], 4, "has to tell the shape of 'x'"),
            (&[input("x", floats, &[3])], 11, "11 bytes cannot be FP32 of shape [3]"),
            (&[input("x", floats, &[3])], 24, "24 bytes cannot be"),
            (&[input("x", floats, &[-1, 3])], 4, "4 bytes cannot be"),
            (&[input("x", floats, &[-1, 0])], 4, "4 bytes cannot be"),
            (&[input("x", floats, &[-1, i64::MAX, i64::MAX])], 4, "4 bytes cannot be"),
            (&[input("s", Datatype::Bytes, &[1])], MOST_BYTES + 1, "is a string of"),
        ] {
            let refused = raw(vec![0; bytes].into(), inputs).unwrap_err();
            assert!(refused.to_string().contains(told), "{refused}");
        }
    }
}
