//! Whether an answer says what the same request was answered when it was asked alone.
//!
//! Under load nearly every answer has the learned bytes; only one that differs is parsed. Numbers may
//! then differ by a tolerance, since the last bits of a sum depend on the size of the batch.

mod binary;
mod grpc;
mod json;
mod values;

use crate::load::{Answer, Status};
use values::Values;

/// How answers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Any JSON; `request_id`, `latency_ms` and `id` may be others each time.
    Json,
    /// The Open Inference Protocol V2 over HTTP, in JSON or with binary tensors.
    V2,
    /// A `ModelInferResponse`.
    Grpc,
}

/// An answer that others are compared with.
#[derive(Clone, Debug)]
pub struct Learned {
    form: Form,
    tolerance: f64,
    /// What the next answer begins with, too, if it says the same in the same words.
    beginning: Vec<u8>,
    /// Whether it is all of the answer.
    is_whole: bool,
    values: Values,
}

impl Learned {
    /// `tolerance`: by which share of itself, or of the mean magnitude of its output where that is
    /// larger, a number may differ.
    ///
    /// # Errors
    /// Why it is no answer in this form.
    pub fn new(form: Form, tolerance: f64, answer: &Answer<'_>) -> Result<Self, String> {
        let values = form.values(answer)?;
        let stable = match form {
            Form::Json => json::end_of_output(answer.body),
            Form::V2 | Form::Grpc => None,
        };
        let end = stable.unwrap_or(answer.body.len());
        let beginning = answer.body[..end].to_vec();
        Ok(Self { form, tolerance, beginning, is_whole: stable.is_none(), values })
    }

    /// # Errors
    /// How it differs.
    pub fn check(&self, answer: &Answer<'_>) -> Result<(), String> {
        let begins_alike = answer.body.starts_with(&self.beginning);
        if begins_alike && (!self.is_whole || answer.body.len() == self.beginning.len()) {
            return Ok(());
        }
        self.form.values(answer)?.differ_from(&self.values, self.tolerance).map_or(Ok(()), Err)
    }

    /// # Errors
    /// How the other one differs.
    pub fn agrees_with(&self, other: &Self) -> Result<(), String> {
        other.values.differ_from(&self.values, self.tolerance).map_or(Ok(()), Err)
    }
}

impl Form {
    fn values(self, answer: &Answer<'_>) -> Result<Values, String> {
        debug_assert_eq!(answer.status, Status::Success);
        match (self, answer.json_bytes) {
            (Self::Json, _) => json::values(answer.body),
            (Self::V2, Some(json_bytes)) => binary::values(answer.body, json_bytes),
            (Self::V2, None) => json::v2_values(answer.body),
            (Self::Grpc, _) => grpc::values(answer.body),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: &str) -> Answer<'_> {
        Answer { status: Status::Success, json_bytes: None, body: body.as_bytes() }
    }

    fn check(form: Form, learned: &str, got: &str) -> Result<(), String> {
        Learned::new(form, 1e-3, &answer(learned)).unwrap().check(&answer(got))
    }

    #[test]
    fn what_changes_with_every_request_is_not_compared() {
        let learned = r#"{"model":"m","output":[2.0,4.0],"request_id":"a","latency_ms":0.4}"#;
        for same in [
            learned,
            r#"{"model":"m","output":[2.0,4.0],"request_id":"b","latency_ms":12.1}"#,
            r#"{"latency_ms":1,"output":[2.0,4.0],"model":"m"}"#,
            r#"{"model":"m","output":[2.0,4.0001],"request_id":"b","latency_ms":12.1}"#,
        ] {
            assert_eq!(check(Form::Json, learned, same), Ok(()), "{same}");
        }
        for other in [
            r#"{"model":"m","output":[2.0,4.1],"request_id":"a","latency_ms":0.4}"#,
            r#"{"model":"m","output":[2.0,4.0,6.0],"request_id":"a","latency_ms":0.4}"#,
            r#"{"model":"n","output":[2.0,4.0],"request_id":"a","latency_ms":0.4}"#,
            r#"{"model":"m","output":[2.0,"NaN"],"request_id":"a","latency_ms":0.4}"#,
            "",
        ] {
            assert!(check(Form::Json, learned, other).is_err(), "{other}");
        }
    }

    #[test]
    fn of_an_answer_of_v2_the_outputs_are_compared() {
        let of = |version: &str, data: &str| {
            format!(
                r#"{{"model_name":"m","model_version":"{version}","outputs":[{{"name":"y","datatype":"FP32","shape":[1,2],"data":{data}}}]}}"#
            )
        };
        assert_eq!(check(Form::V2, &of("1", "[2.0,4.0]"), &of("2", "[2.0,4.0001]")), Ok(()));
        assert_eq!(check(Form::V2, &of("1", "[2.0,4.0]"), &of("1", "[[2.0,4.0]]")), Ok(()));
        assert!(check(Form::V2, &of("1", "[2.0,4.0]"), &of("1", "[2.0,5.0]")).is_err());
        assert!(check(Form::V2, &of("1", "[2.0,4.0]"), r#"{"model_name":"m"}"#).is_err());
    }
}
