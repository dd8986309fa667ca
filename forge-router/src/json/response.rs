//! The answer to a predict request.

use std::time::Duration;

use super::decode::Form;
use super::structure::{write_named, write_structure};
use super::text::write_string;
use crate::tensor::Structure;

/// What an answer says beside its outputs.
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'a> {
    pub model: &'a str,
    pub request_id: &'a str,
    pub latency: Duration,
    /// How the inputs came.
    pub form: Form,
}

/// Writes `{"model":…,"output":…,"request_id":…,"latency_ms":1.23}`; `outputs`, an object, in place
/// of `output` where the inputs were named. `leaf` writes the tensor of each number, with
/// [`super::write_tensor`].
pub fn write_response(
    out: &mut Vec<u8>,
    head: ResponseHead<'_>,
    structure: &Structure,
    leaf: &mut dyn FnMut(&mut Vec<u8>, usize),
) {
    match head.form {
        Form::Single => {
            write_with(out, head, "output", |out| write_structure(out, structure, leaf));
        }
        Form::Named => write_with(out, head, "outputs", |out| write_named(out, structure, leaf)),
    }
}

/// Writes an answer that has `key` in place of `output`, with the value that `value` writes.
pub fn write_with(
    out: &mut Vec<u8>,
    head: ResponseHead<'_>,
    key: &str,
    value: impl FnOnce(&mut Vec<u8>),
) {
    out.extend_from_slice(b"{\"model\":");
    write_string(out, head.model);
    out.push(b',');
    write_string(out, key);
    out.push(b':');
    value(out);
    out.extend_from_slice(b",\"request_id\":");
    write_string(out, head.request_id);
    out.extend_from_slice(b",\"latency_ms\":");
    write_milliseconds(out, head.latency);
    out.push(b'}');
}

/// Writes milliseconds with one to three decimals, cut to whole microseconds.
fn write_milliseconds(out: &mut Vec<u8>, time: Duration) {
    let micros = time.as_micros();
    out.extend_from_slice(itoa::Buffer::new().format(micros / 1000).as_bytes());
    let digits = [micros / 100 % 10, micros / 10 % 10, micros % 10];
    let shown = digits.iter().rposition(|digit| *digit != 0).unwrap_or(0);
    out.push(b'.');
    out.extend(digits[..=shown].iter().map(|digit| b'0' + *digit as u8));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_holds_the_original_keys_in_their_order() {
        let mut leaf = |out: &mut Vec<u8>, _: usize| out.extend_from_slice(b"[2.0]");
        for (form, expected) in [
            (Form::Single, r#"{"model":"m","output":[2.0],"request_id":"a\"b","latency_ms":1.23}"#),
            (
                Form::Named,
                r#"{"model":"m","outputs":{"output":[2.0]},"request_id":"a\"b","latency_ms":1.23}"#,
            ),
        ] {
            let latency = Duration::from_nanos(1_230_999);
            let head = ResponseHead { model: "m", request_id: "a\"b", latency, form };
            let mut out = Vec::new();
            write_response(&mut out, head, &Structure::Tensor, &mut leaf);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn milliseconds_have_no_more_decimals_than_they_need() {
        for (micros, expected) in [
            (0, "0.0"),
            (1, "0.001"),
            (40, "0.04"),
            (1_000, "1.0"),
            (1_500, "1.5"),
            (61_234_567, "61234.567"),
        ] {
            let mut out = Vec::new();
            write_milliseconds(&mut out, Duration::from_micros(micros));
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
