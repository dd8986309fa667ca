//! Requests of the Open Inference Protocol V2 over HTTP (`inference_rest.md`), and its extension for
//! binary tensors (Triton's `extension_binary_data.md`).

use serde_json::{Value, json};

use crate::inputs::Tensor;

pub(super) fn json(tensors: &[Tensor]) -> String {
    let input = |tensor: &Tensor| {
        let mut input = head(tensor);
        input["data"] = tensor.flat();
        input
    };
    json!({"inputs": tensors.iter().map(input).collect::<Vec<_>>()}).to_string()
}

/// The length of the JSON, and the JSON with the tensors behind it. Outputs are asked for in bytes, too.
pub(super) fn binary(tensors: &[Tensor]) -> (usize, Vec<u8>) {
    let bytes: Vec<Vec<u8>> = tensors.iter().map(Tensor::bytes).collect();
    let input = |(tensor, bytes): (&Tensor, &Vec<u8>)| {
        let mut input = head(tensor);
        input["parameters"] = json!({"binary_data_size": bytes.len()});
        input
    };
    let inputs: Vec<Value> = tensors.iter().zip(&bytes).map(input).collect();
    let json = json!({"inputs": inputs, "parameters": {"binary_data_output": true}}).to_string();
    (json.len(), [json.as_bytes(), &bytes.concat()].concat())
}

fn head(tensor: &Tensor) -> Value {
    json!({"name": tensor.name, "datatype": tensor.datatype.name(), "shape": tensor.shape})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inputs::{Datatype, Elements};

    fn tensor() -> Tensor {
        Tensor {
            name: "x".to_owned(),
            datatype: Datatype::Fp32,
            shape: vec![1, 2],
            has_rows: true,
            elements: Elements::Fractions(vec![0.5, 1.0]),
        }
    }

    #[test]
    fn json_has_flat_data() {
        assert_eq!(
            json(&[tensor()]),
            r#"{"inputs":[{"data":[0.5,1.0],"datatype":"FP32","name":"x","shape":[1,2]}]}"#
        );
    }

    #[test]
    fn bytes_follow_the_json_that_tells_their_number() {
        let (json_bytes, body) = binary(&[tensor()]);
        let head: Value = serde_json::from_slice(&body[..json_bytes]).unwrap();
        assert_eq!(head["inputs"][0]["parameters"]["binary_data_size"], 8);
        assert_eq!(head["parameters"]["binary_data_output"], true);
        assert_eq!(body[json_bytes..], [0.5f32.to_le_bytes(), 1f32.to_le_bytes()].concat());
    }
}
