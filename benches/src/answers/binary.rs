//! Answers of the Open Inference Protocol with binary tensors, and elements as bytes.

use half::{bf16, f16};
use serde_json::Value;

use super::json::{head_of, v2_outputs};
use super::values::{Output, Values};

/// Of an answer whose JSON has so many bytes, with the tensors behind it.
pub(super) fn values(body: &[u8], json_bytes: usize) -> Result<Values, String> {
    let (json, mut rest) =
        body.split_at_checked(json_bytes).ok_or("an answer shorter than its JSON")?;
    let mut outputs = Vec::new();
    for output in v2_outputs(json)? {
        let mut read = head_of(&output)?;
        let size = output.pointer("/parameters/binary_data_size").and_then(Value::as_u64);
        let size = size.and_then(|size| usize::try_from(size).ok());
        let size = size.ok_or("an output without binary_data_size")?;
        let bytes;
        (bytes, rest) = rest.split_at_checked(size).ok_or("an answer shorter than its outputs")?;
        let datatype = output.get("datatype").and_then(Value::as_str).unwrap_or_default();
        push_elements(&mut read, datatype, bytes);
        outputs.push(read);
    }
    Ok(Values::new(outputs))
}

/// Little-endian elements; those that are no fractions have to be the same bytes.
pub(super) fn push_elements(output: &mut Output, datatype: &str, bytes: &[u8]) {
    let mut push = |value: f64| output.push_fraction(value);
    match datatype {
        "FP64" => bytes.as_chunks().0.iter().for_each(|le| push(f64::from_le_bytes(*le))),
        "FP32" => bytes.as_chunks().0.iter().for_each(|le| push(f32::from_le_bytes(*le).into())),
        "FP16" => bytes.as_chunks().0.iter().for_each(|le| push(f16::from_le_bytes(*le).into())),
        "BF16" => bytes.as_chunks().0.iter().for_each(|le| push(bf16::from_le_bytes(*le).into())),
        _ => output.push_exact(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(datatype: &str, tensor: &[u8]) -> (Vec<u8>, usize) {
        let json = format!(
            r#"{{"outputs":[{{"name":"y","datatype":"{datatype}","shape":[1],"parameters":{{"binary_data_size":{}}}}}]}}"#,
            tensor.len()
        );
        ([json.as_bytes(), tensor].concat(), json.len())
    }

    fn is_same(datatype: &str, one: &[u8], other: &[u8]) -> bool {
        let [one, other] = [one, other].map(|tensor| {
            let (body, json_bytes) = answer(datatype, tensor);
            values(&body, json_bytes).unwrap()
        });
        one.differ_from(&other, 1e-2).is_none()
    }

    #[test]
    fn fractions_are_compared_as_numbers_and_the_rest_as_bytes() {
        assert!(is_same("FP32", &1f32.to_le_bytes(), &1.001f32.to_le_bytes()));
        assert!(!is_same("FP32", &1f32.to_le_bytes(), &1.1f32.to_le_bytes()));
        assert!(is_same("FP64", &1f64.to_le_bytes(), &1.001f64.to_le_bytes()));
        let half = |value| f16::from_f32(value).to_le_bytes();
        assert!(is_same("FP16", &half(1.0), &half(1.001)));
        let brain = |value| bf16::from_f32(value).to_le_bytes();
        assert!(!is_same("BF16", &brain(1.0), &brain(1.5)));
        assert!(is_same("INT32", &[1, 0, 0, 0], &[1, 0, 0, 0]));
        assert!(!is_same("INT32", &[1, 0, 0, 0], &[2, 0, 0, 0]));
    }

    #[test]
    fn an_answer_that_is_cut_off_is_an_error() {
        let (body, json_bytes) = answer("FP32", &1f32.to_le_bytes());
        for cut in [0, 10, json_bytes, body.len() - 1] {
            assert!(values(&body[..cut], json_bytes).is_err(), "{cut}");
        }
    }
}
