//! Compares an answer with the one that a page shows.
//!
//! JSON is compared by what it says, not by how it is laid out, anything else line by line. `…`
//! stands for anything: within a text, for a value or the rest of an array, for any lines. Made-up
//! ids, times and the last digits of numbers may differ without it.

use serde_json::{Deserializer, Value};

const ANYTHING: &str = "…";

/// The keys whose value is another one at each request, where the page shows one of Forge's making.
const REQUEST_ID: &str = "request_id";
const TIMES: [&str; 2] = ["latency_ms", "duration_ms"];

/// How far a model's numbers may be apart: processors round differently.
const TOLERANCE: f64 = 1e-4;

/// What is not as documented, if anything.
pub fn difference(documented: &str, answered: &str) -> Option<String> {
    let expected = pieces(&quote_anything(documented));
    match sequence(&expected, &pieces(answered)) {
        true => None,
        false => Some(format!("it should answer: {}", documented.trim())),
    }
}

#[derive(Debug)]
enum Piece {
    Json(Value),
    Line(String),
}

fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let mut values = Deserializer::from_str(rest).into_iter::<Value>();
        let end = match values.next() {
            Some(Ok(value)) if rest.starts_with(['{', '[']) => {
                pieces.push(Piece::Json(value));
                values.byte_offset()
            }
            _ => {
                let line = rest.lines().next().unwrap_or(rest);
                pieces.push(Piece::Line(line.trim().replace("\"…\"", ANYTHING)));
                line.len()
            }
        };
        rest = rest[end..].trim_start();
    }
    pieces
}

/// `…` outside of a text becomes one, so that JSON stays JSON.
fn quote_anything(documented: &str) -> String {
    let mut quoted = String::with_capacity(documented.len());
    let (mut in_text, mut escaped) = (false, false);
    for character in documented.chars() {
        match character {
            '…' if !in_text => quoted.push_str("\"…\""),
            other => quoted.push(other),
        }
        in_text ^= character == '"' && !escaped;
        escaped = character == '\\' && !escaped;
    }
    quoted
}

fn sequence(expected: &[Piece], found: &[Piece]) -> bool {
    match (expected, found) {
        ([], found) => found.is_empty(),
        ([Piece::Line(line), rest @ ..], found) if line == ANYTHING => {
            (0..=found.len()).any(|skipped| sequence(rest, &found[skipped..]))
        }
        ([expected, rest @ ..], [one, others @ ..]) => {
            piece(expected, one) && sequence(rest, others)
        }
        (_, []) => false,
    }
}

fn piece(expected: &Piece, found: &Piece) -> bool {
    match (expected, found) {
        (Piece::Json(expected), Piece::Json(found)) => value("", expected, found),
        (Piece::Line(expected), Piece::Line(found)) => text(expected, found),
        _ => false,
    }
}

fn value(key: &str, expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::String(expected), _) if expected == ANYTHING => true,
        (Value::String(expected), Value::String(found)) if key == REQUEST_ID => {
            expected == found || (is_made_up(expected) && is_made_up(found))
        }
        (Value::String(expected), Value::String(found)) => text(expected, found),
        (Value::Number(_), Value::Number(_)) if TIMES.contains(&key) => true,
        // An integer is no float, whatever its value: the dtype shows.
        (Value::Number(expected), Value::Number(found)) if expected.is_f64() && found.is_f64() => {
            let (expected, found) = (expected.as_f64(), found.as_f64());
            expected.zip(found).is_some_and(|(a, b)| (a - b).abs() <= TOLERANCE * a.abs().max(1.0))
        }
        (Value::Array(expected), Value::Array(found)) => array(expected, found),
        (Value::Object(expected), Value::Object(found)) => {
            expected.len() == found.len()
                && expected.iter().zip(found).all(|((key, one), (found_key, other))| {
                    key == found_key && value(key, one, other)
                })
        }
        (expected, found) => expected == found,
    }
}

fn array(expected: &[Value], found: &[Value]) -> bool {
    let (shown, rest_is_left_out) = match expected {
        [shown @ .., Value::String(last)] if last == ANYTHING => (shown, true),
        shown => (shown, false),
    };
    let lengths_agree = shown.len() == found.len() || rest_is_left_out && shown.len() < found.len();
    lengths_agree && shown.iter().zip(found).all(|(one, other)| value("", one, other))
}

fn text(expected: &str, found: &str) -> bool {
    let Some((start, rest)) = expected.split_once(ANYTHING) else { return expected == found };
    let Some(mut found) = found.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split(ANYTHING).collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        let Some((_, behind)) = found.split_once(part) else { return false };
        found = behind;
    }
    found.ends_with(end)
}

/// Whether Forge made up the id.
fn is_made_up(id: &str) -> bool {
    id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_page_may_leave_open_agrees() {
        for (documented, answered) in [
            ("{\"a\": 1,\n \"b\": [2]}", "{\"a\":1,\"b\":[2]}"),
            ("{\"output\":[0.5,…]}", "{\"output\":[0.50001,1.0,2.0]}"),
            ("{\"output\":…} 200", "{\"output\":{\"low\":1}}\n200\n"),
            (
                "{\"request_id\":\"8c3b0f2a51d6e497\",\"latency_ms\":0.4}",
                "{\"request_id\":\"0123456789abcdef\",\"latency_ms\":7}",
            ),
            ("{\"detail\":\"a … b\"}", "{\"detail\":\"a long b\"}"),
            ("HTTP/1.1 200 OK\n…\nx: y…\n…", "HTTP/1.1 200 OK\r\nb: c\r\nx: yz\r\n\r\n"),
            ("…\nmetric{model=\"m\"} …\n…", "# a\nmetric{model=\"m\"} 3\nother 1"),
        ] {
            assert_eq!(difference(documented, answered), None, "{answered}");
        }
    }

    #[test]
    fn what_is_not_as_documented_is_found() {
        for (documented, answered) in [
            ("{\"a\":1}", "{\"a\":2}"),
            ("{\"a\":1}", "{\"a\":1,\"b\":2}"),
            ("{\"a\":1.0}", "{\"a\":1}"),
            ("[1.0]", "[1.001]"),
            ("[1,2]", "[1,2,3]"),
            ("[1,2,…]", "[1]"),
            ("{} 404", "{} 422"),
            ("{}", "{} 422"),
            ("{\"detail\":\"a … b\"}", "{\"detail\":\"a long\"}"),
            ("{\"request_id\":\"order-42\"}", "{\"request_id\":\"0123456789abcdef\"}"),
            ("HTTP/1.1 200 OK\n…", "HTTP/1.1 204 No Content"),
            ("", "{}"),
            ("{}", ""),
        ] {
            assert!(difference(documented, answered).is_some(), "{documented} is {answered}");
        }
    }
}
