//! `POST /predictions/{model}` and `GET /ping`, as TorchServe has them, for clients that ask it.
//!
//! ```text
//! [1.0, 2.0]               one row of the sole input           ─►  the output, bare
//! {"input": …}, {"inputs": …}  one row, as of /v1              ─►  the output, bare
//! {"instances": [row, …]}  many rows, as of KServe's V1        ─►  an array with an output per row
//! a JPEG or a PNG          one row of a model that takes images ─►  the output, bare
//! ```
//!
//! or any of them as the only field of a form.
//!
//! Source: TorchServe's `docs/inference_api.md`. What a body means is a handler's there, in Python, whatever
//! `Content-Type` says, which `curl -T` leaves out; here its first bytes tell.

use std::sync::Arc;

use bytes::Bytes;
use hyper::http::request::Parts;

use super::app::App;
use super::codec::{self, Counted};
use super::error::HttpError;
use super::kserve_v1::write_rows;
use super::prediction::{Asked, Decoded, Encoded, Protocol, Served};
use super::reply::{self, Reply};
use super::{form, health, status, tensors};
use crate::flat::flatten;
use crate::formats::image;
use crate::json::{self, DecodeError, DecodeOptions, DecodedInput};
use crate::memory_budget::Reservation;
use crate::model::Version;
use crate::request::{Answer, Output};

/// `GET /ping`: readiness, in TorchServe's words.
pub fn ping(app: &App) -> Reply {
    let is_ready = health::is_ready(app);
    let body = match is_ready {
        true => r#"{"status":"Healthy"}"#,
        false => r#"{"status":"Unhealthy"}"#,
    };
    reply::with_retry(reply::fresh(reply::json(status::readiness(is_ready), body)))
}

/// A request in TorchServe's form.
#[derive(Debug)]
pub struct TorchServe {
    body: Bytes,
    /// Of a form that the body is in.
    boundary: Option<String>,
    memory: Reservation,
    asked: Asked,
    /// Whether many rows were given, once they are decoded.
    has_rows: bool,
}

impl TorchServe {
    /// What is left of a request whose head is read.
    pub fn begin(head: &Parts) -> impl FnOnce(Bytes, Reservation, Asked) -> Self + use<> {
        let boundary = form::boundary(&head.headers);
        |body, memory, asked| Self { body, boundary, memory, asked, has_rows: false }
    }
}

impl Protocol for TorchServe {
    type Reply = Reply;

    async fn decode(&mut self, version: &Arc<Version>) -> Result<Decoded, HttpError> {
        let (mut body, mut memory) = (std::mem::take(&mut self.body), self.memory.take());
        if let Some(boundary) = &self.boundary {
            body = form::only_field(&body, boundary)?;
        }
        if image::is_one(&body) {
            let decoded = tensors::decode_image(version, body, memory).await?;
            return Ok(Decoded { asked: self.asked, ..decoded });
        }
        let takes_long = codec::takes_long(&body);
        let decode = move |version: &Version| {
            let (inputs, has_rows) = codec::parse(version, &body, &mut memory, read)?;
            drop(body);
            let is_batched = has_rows && version.config().batching;
            Ok((codec::accept(version, inputs, is_batched, memory)?, has_rows))
        };
        let (decoded, has_rows) = codec::beside_if(takes_long, version, decode).await?;
        self.has_rows = has_rows;
        Ok(Decoded { asked: self.asked, ..decoded })
    }

    async fn encode(self, answer: Answer, served: Served) -> Result<Encoded<Reply>, HttpError> {
        let takes_long = answer.memory.bytes() > codec::LARGE;
        let encode = move |_: &Version| encode_now(answer, self.has_rows);
        codec::beside_if(takes_long, &served.version, encode).await.map(codec::encoded)
    }
}

type NamedInputs = Vec<(Option<String>, DecodedInput)>;

/// The inputs, and whether they hold many rows.
fn read(body: &[u8], options: DecodeOptions<'_>) -> Result<(NamedInputs, bool), DecodeError> {
    if body.trim_ascii_start().first() != Some(&b'{') {
        let tensor = json::decode_tensor(body, options)?;
        return Ok((vec![(None, DecodedInput::Tensor(tensor))], false));
    }
    if json::has_member(body, "instances") {
        return Ok((json::decode_instances(body, options)?.inputs, true));
    }
    Ok((json::decode(body, options)?.inputs, false))
}

fn encode_now(answer: Answer, has_rows: bool) -> Result<Counted, HttpError> {
    let Answer { outputs, structure, rows, is_batched, memory, .. } = answer;
    let text = |output: &Output| json::expected_text(output.row.dtype, output.data.len());
    let expected = outputs.iter().map(text).sum();
    codec::write_counted(memory, expected, |body| {
        if has_rows {
            let rows = is_batched.then_some(rows);
            write_rows(body, &flatten(outputs, &structure, rows), rows.map(u64::from));
            return;
        }
        json::write_structure(body, &structure, &mut |body, leaf| {
            if let Some(output) = outputs.get(leaf) {
                json::write_tensor(body, output.row.dtype, &output.row.shape, &output.data);
            }
        });
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::Dtype;

    struct Undeclared;

    impl json::Declared for Undeclared {
        fn dtype(&self, _name: Option<&str>) -> Option<Dtype> {
            None
        }
    }

    struct Endless;

    impl json::Budget for Endless {
        fn reserve(&mut self, _bytes: usize) -> bool {
            true
        }
    }

    fn shape(body: &str) -> Result<(String, bool), DecodeError> {
        let budget = &mut Endless;
        let options =
            DecodeOptions { limits: json::Limits::default(), declared: &Undeclared, budget };
        let (inputs, has_rows) = read(body.as_bytes(), options)?;
        let DecodedInput::Tensor(tensor) = &inputs[0].1 else { panic!("{inputs:?}") };
        Ok((tensor.shape.to_string(), has_rows))
    }

    #[test]
    fn a_body_is_a_row_in_three_forms_or_many() {
        for (body, expected, has_rows) in [
            (" [1, 2]", "[2]", false),
            ("1.5", "[]", false),
            (r#"{"input": [1, 2, 3]}"#, "[3]", false),
            (r#"{"inputs": {"x": [1]}}"#, "[1]", false),
            (r#"{"instances": [[1], [2]]}"#, "[2, 1]", true),
        ] {
            assert_eq!(shape(body), Ok((expected.to_owned(), has_rows)), "{body}");
        }
    }

    #[test]
    fn a_body_of_another_kind_is_refused_with_its_place() {
        for (body, told) in [
            ("", "the body ends early"),
            ("\u{89}PNG", "malformed JSON at byte 0"),
            ("[1] 2", "nothing may follow the tensor"),
            ("\"text\"", "the body is a string, expected a number or nested arrays"),
        ] {
            let error = shape(body).unwrap_err().to_string();
            assert!(error.contains(told), "{body}: {error}");
        }
    }
}
