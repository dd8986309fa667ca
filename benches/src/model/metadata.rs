//! The inputs of a model.

use serde::Deserialize;

use super::{ModelError, Question, ask};
use crate::inputs::InputSpec;
use crate::protobuf::{Field, fields, packed};
use crate::protocol::{Endpoint, Protocol};

/// Of `ModelMetadataResponse` and its `TensorMetadata`.
const INPUTS: u32 = 4;
const NAME: u32 = 1;
const DATATYPE: u32 = 2;
const SHAPE: u32 = 3;

/// Asks the server for them.
///
/// # Errors
/// Where it cannot be asked, or does not know the model.
pub async fn inputs(endpoint: &Endpoint) -> Result<Vec<InputSpec>, ModelError> {
    let answer = ask(endpoint, Question::Metadata).await?;
    let inputs = match endpoint.protocol {
        Protocol::Grpc => of_message(&answer),
        Protocol::V1 | Protocol::V2 | Protocol::V2Binary => of_json(&answer),
    };
    inputs.map_err(|problem| ModelError::Unreadable { model: endpoint.model.clone(), problem })
}

#[derive(Debug, Deserialize)]
struct Metadata {
    inputs: Vec<Tensor>,
}

#[derive(Debug, Deserialize)]
struct Tensor {
    name: String,
    datatype: String,
    shape: Vec<i64>,
}

fn of_json(body: &[u8]) -> Result<Vec<InputSpec>, String> {
    let metadata: Metadata = serde_json::from_slice(body)
        .map_err(|error| format!("{error}: {}", String::from_utf8_lossy(body)))?;
    metadata.inputs.into_iter().map(spec).collect()
}

fn of_message(message: &[u8]) -> Result<Vec<InputSpec>, String> {
    let mut inputs = Vec::new();
    for field in fields(message) {
        if let Field { number: INPUTS, bytes, .. } = field? {
            inputs.push(spec(tensor(bytes)?)?);
        }
    }
    Ok(inputs)
}

fn tensor(message: &[u8]) -> Result<Tensor, String> {
    let mut tensor = Tensor { name: String::new(), datatype: String::new(), shape: Vec::new() };
    for field in fields(message) {
        let Field { number, value, bytes } = field?;
        let text = || String::from_utf8_lossy(bytes).into_owned();
        match number {
            NAME => tensor.name = text(),
            DATATYPE => tensor.datatype = text(),
            // A negative number is written as its two's complement in 64 bits.
            SHAPE if bytes.is_empty() => tensor.shape.push(value.cast_signed()),
            SHAPE => {
                let dims = packed(bytes).ok_or("a shape that is none")?;
                tensor.shape.extend(dims.into_iter().map(u64::cast_signed));
            }
            _ => {}
        }
    }
    Ok(tensor)
}

fn spec(Tensor { name, datatype, shape }: Tensor) -> Result<InputSpec, String> {
    // Triton's configuration has a prefix that its metadata has not; some servers mix them up.
    let datatype = datatype.strip_prefix("TYPE_").unwrap_or(&datatype).parse()?;
    Ok(InputSpec { name, datatype, shape })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inputs::Datatype;
    use crate::protobuf::{field, varint};

    #[test]
    fn inputs_are_read_from_json_and_from_a_message() {
        let expected =
            InputSpec { name: "x".to_owned(), datatype: Datatype::Fp32, shape: vec![-1, 128] };
        let json = br#"{"name":"m","versions":["1"],"platform":"p","inputs":[{"name":"x","datatype":"FP32","shape":[-1,128]}],"outputs":[]}"#;
        assert_eq!(of_json(json), Ok(vec![expected.clone()]));
        let dims = [u64::MAX, 128].into_iter().flat_map(varint).collect::<Vec<_>>();
        let tensor = [field(1, b"x"), field(2, b"FP32"), field(3, &dims)].concat();
        let message = [field(1, b"m"), field(4, &tensor), field(5, &tensor)].concat();
        assert_eq!(of_message(&message), Ok(vec![expected]));
        assert!(of_json(b"{}").is_err());
        assert!(of_message(&message[..message.len() - 1]).is_err());
    }
}
