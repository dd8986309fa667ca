//! The same row in the words of each protocol, and what an answer says.

use std::io;

use forge_benches::answers::Form;
use forge_benches::load::{Answer, Status};
use serde_json::Value;

use crate::model::Model;
use crate::row::Row;

/// How a server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// `{"input": …}`, answered by `{"output": …}`: the original's, which mosec and LitServe are given too.
    Input,
    /// The Open Inference Protocol V2 in JSON.
    V2Json,
    /// V2 with the binary extension, both ways.
    V2Binary,
    /// Bare elements, both ways.
    Elements,
}

/// A request's body, and the lines of its head that go with it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Each with its end.
    pub(crate) headers: String,
    pub(crate) body: Vec<u8>,
}

impl Protocol {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Input => "JSON",
            Self::V2Json => "V2 JSON",
            Self::V2Binary => "V2 binary",
            Self::Elements => "bare elements",
        }
    }

    pub(crate) fn request(self, model: &Model, row: &Row) -> Request {
        let json = |body: String| Request {
            headers: "Content-Type: application/json\r\n".to_owned(),
            body: body.into_bytes(),
        };
        match self {
            Self::Input => json(format!(
                r#"{{"input":{},"dtype":"{}"}}"#,
                row.nested_json(),
                model.dtype.name()
            )),
            Self::V2Json => json(format!(
                r#"{{"inputs":[{{{},"data":[{}]}}]}}"#,
                v2_input(model, row),
                row.flat_json()
            )),
            Self::V2Binary => {
                let bytes = row.bytes();
                let head = format!(
                    r#"{{"inputs":[{{{},"parameters":{{"binary_data_size":{}}}}}],"parameters":{{"binary_data_output":true}}}}"#,
                    v2_input(model, row),
                    bytes.len()
                );
                Request {
                    headers: format!(
                        "Content-Type: application/octet-stream\r\n\
                         Inference-Header-Content-Length: {}\r\n",
                        head.len()
                    ),
                    body: [head.as_bytes(), &bytes].concat(),
                }
            }
            Self::Elements => Request {
                headers: "Content-Type: application/octet-stream\r\n".to_owned(),
                body: row.bytes(),
            },
        }
    }

    /// How the load generator compares answers; bare elements it does not.
    pub(crate) fn form(self) -> Option<Form> {
        match self {
            Self::Input => Some(Form::Json),
            Self::V2Json | Self::V2Binary => Some(Form::V2),
            Self::Elements => None,
        }
    }

    /// The numbers of an answer to one row.
    ///
    /// # Errors
    ///
    /// Where it is another answer than this protocol's.
    pub(crate) fn numbers(self, answer: &Answer<'_>) -> io::Result<Vec<f64>> {
        let other = || {
            let text: String = String::from_utf8_lossy(answer.body).chars().take(200).collect();
            io::Error::other(format!("{:?}: {text}", answer.status))
        };
        if answer.status != Status::Success {
            return Err(other());
        }
        let json = || serde_json::from_slice::<Value>(answer.body).map_err(|_| other());
        let mut numbers = Vec::new();
        let is_whole = match self {
            Self::Input => flatten(&json()?["output"], &mut numbers),
            Self::V2Json => flatten(&json()?["outputs"][0]["data"], &mut numbers),
            Self::V2Binary | Self::Elements => {
                let elements = answer.body.get(answer.json_bytes.unwrap_or(0)..);
                let (elements, rest) = elements.unwrap_or_default().as_chunks::<4>();
                numbers.extend(elements.iter().map(|it| f64::from(f32::from_le_bytes(*it))));
                rest.is_empty()
            }
        };
        if is_whole && !numbers.is_empty() { Ok(numbers) } else { Err(other()) }
    }
}

fn v2_input(model: &Model, row: &Row) -> String {
    let dims: Vec<String> = row.shape.iter().map(ToString::to_string).collect();
    format!(
        r#""name":"{}","datatype":"{}","shape":[1,{}]"#,
        model.input,
        model.dtype.v2_name(),
        dims.join(",")
    )
}

/// False where there is something that is no number.
fn flatten(value: &Value, numbers: &mut Vec<f64>) -> bool {
    match value {
        Value::Array(items) => items.iter().all(|item| flatten(item, numbers)),
        _ => value.as_f64().map(|number| numbers.push(number)).is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_protocol_has_its_own_words_for_a_row() {
        let model = Model { shape: &[2], ..Model::double() };
        let row = Row::features(2);
        let text = |protocol: Protocol| {
            String::from_utf8_lossy(&protocol.request(&model, &row).body).into_owned()
        };
        assert_eq!(text(Protocol::Input), r#"{"input":[0.000000,0.731000],"dtype":"float32"}"#);
        assert_eq!(
            text(Protocol::V2Json),
            r#"{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[0.000000,0.731000]}]}"#
        );
        let binary = Protocol::V2Binary.request(&model, &row);
        assert!(binary.headers.contains("Inference-Header-Content-Length: "));
        assert!(binary.body.ends_with(&row.bytes()));
    }

    #[test]
    fn nested_numbers_are_read_in_order_and_nothing_else_is() {
        let mut numbers = Vec::new();
        assert!(flatten(&serde_json::json!([[1, 2.5], [3]]), &mut numbers));
        assert_eq!(numbers, [1.0, 2.5, 3.0]);
        assert!(!flatten(&serde_json::json!([1, null]), &mut Vec::new()));
    }
}
