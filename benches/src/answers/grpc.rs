//! Answers over gRPC: `inference.ModelInferResponse` of Triton's `grpc_service.proto`.

use super::binary::push_elements;
use super::values::{Output, Values};
use crate::protobuf::{Field, fields};

const OUTPUTS: u32 = 5;
const RAW_OUTPUT_CONTENTS: u32 = 6;
/// Of an output.
const NAME: u32 = 1;
const DATATYPE: u32 = 2;
const SHAPE: u32 = 3;
const CONTENTS: u32 = 5;

pub(super) fn values(message: &[u8]) -> Result<Values, String> {
    let (mut outputs, mut datatypes, mut raw) = (Vec::new(), Vec::new(), Vec::new());
    for field in fields(message) {
        match field? {
            Field { number: OUTPUTS, bytes, .. } => {
                let (output, datatype) = output(bytes)?;
                outputs.push(output);
                datatypes.push(datatype);
            }
            Field { number: RAW_OUTPUT_CONTENTS, bytes, .. } => raw.push(bytes),
            _ => {}
        }
    }
    if outputs.is_empty() {
        return Err("an answer without outputs".to_owned());
    }
    for ((output, datatype), bytes) in outputs.iter_mut().zip(&datatypes).zip(raw) {
        push_elements(output, datatype, bytes);
    }
    Ok(Values::new(outputs))
}

fn output(message: &[u8]) -> Result<(Output, String), String> {
    let (mut output, mut datatype) = (Output::default(), String::new());
    for field in fields(message) {
        let Field { number, value, bytes } = field?;
        match number {
            NAME => output.name = String::from_utf8_lossy(bytes).into_owned(),
            DATATYPE => datatype = String::from_utf8_lossy(bytes).into_owned(),
            SHAPE if bytes.is_empty() => output.push_exact(value.to_string().as_bytes()),
            // Elements that are not raw have to be the same, to the last bit.
            SHAPE | CONTENTS => output.push_exact(bytes),
            _ => {}
        }
    }
    output.push_exact(datatype.as_bytes());
    Ok((output, datatype))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protobuf::{field, varint};

    fn message(name: &[u8], value: f32) -> Vec<u8> {
        let shape: Vec<u8> = [1, 1].into_iter().flat_map(varint).collect();
        let output = [field(1, name), field(2, b"FP32"), field(3, &shape)].concat();
        [field(1, b"model"), field(5, &output), field(6, &value.to_le_bytes())].concat()
    }

    #[test]
    fn raw_outputs_are_compared_as_numbers() {
        let of = |name: &[u8], value| values(&message(name, value)).unwrap();
        assert!(of(b"y", 1.0001).differ_from(&of(b"y", 1.0), 1e-3).is_none());
        assert!(of(b"y", 1.1).differ_from(&of(b"y", 1.0), 1e-3).is_some());
        assert!(of(b"z", 1.0).differ_from(&of(b"y", 1.0), 1e-3).is_some());
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        let whole = message(b"y", 1.0);
        assert!(values(b"").is_err());
        assert!(values(&whole[..whole.len() - 1]).is_err());
    }
}
