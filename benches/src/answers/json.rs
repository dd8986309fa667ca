//! Answers in JSON.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;

use super::values::{Number, Output, Values};

/// Members of an answer that are others each time.
const VOLATILE: [&str; 3] = ["request_id", "latency_ms", "id"];

/// Members that answers of Forge and of its predecessor hold their tensors in.
const OUTPUTS: [&str; 2] = ["output", "outputs"];

/// Of any answer: each member is an output. What is no object is an output without a name.
pub(super) fn values(body: &[u8]) -> Result<Values, String> {
    let members = match parse(body)? {
        Value::Object(members) => members,
        other => [(String::new(), other)].into_iter().collect(),
    };
    let members = members.into_iter().filter(|(name, _)| !VOLATILE.contains(&name.as_str()));
    let outputs = members.map(|(name, value)| {
        let mut output = Output::named(name);
        push(&mut output, &value);
        output
    });
    Ok(Values::new(outputs.collect()))
}

/// Of an answer of the Open Inference Protocol.
pub(super) fn v2_values(body: &[u8]) -> Result<Values, String> {
    let outputs = v2_outputs(body)?;
    let of = |output: &Value| {
        let mut read = head_of(output)?;
        let data = output.get("data").ok_or("an output without data")?;
        push_numbers(&mut read, data);
        Ok::<_, String>(read)
    };
    Ok(Values::new(outputs.iter().map(of).collect::<Result<_, _>>()?))
}

/// The `outputs` of the JSON of an answer.
pub(super) fn v2_outputs(json: &[u8]) -> Result<Vec<Value>, String> {
    match parse(json)?.get_mut("outputs").map(Value::take) {
        Some(Value::Array(outputs)) => Ok(outputs),
        _ => Err(format!("an answer without outputs: {}", String::from_utf8_lossy(json))),
    }
}

/// Name, datatype and shape of one of them.
pub(super) fn head_of(output: &Value) -> Result<Output, String> {
    let name = output.get("name").and_then(Value::as_str).ok_or("an output without a name")?;
    let mut read = Output::named(name);
    for member in ["datatype", "shape"] {
        let value = output.get(member).unwrap_or(&Value::Null);
        read.push_exact(value.to_string().as_bytes());
    }
    Ok(read)
}

/// Where the value of the first of [`OUTPUTS`] ends, if what is volatile comes after it.
pub(super) fn end_of_output(body: &[u8]) -> Option<usize> {
    let members: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_slice(body).ok()?;
    // The values are parts of the body itself.
    let begin = |value: &RawValue| (value.get().as_ptr() as usize) - (body.as_ptr() as usize);
    let output = OUTPUTS.iter().find_map(|name| members.get(*name))?;
    let end = begin(output) + output.get().len();
    let mut volatile = VOLATILE.iter().filter_map(|name| members.get(*name));
    let comes_after = volatile.all(|value| begin(value) > end);
    (comes_after && end <= body.len()).then_some(end)
}

fn parse(body: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(body)
        .map_err(|error| format!("not JSON: {error}: {}", String::from_utf8_lossy(body)))
}

/// Everything below a value, with its structure.
fn push(output: &mut Output, value: &Value) {
    match value {
        Value::Number(number) => push_number(output, number),
        Value::Array(items) => {
            output.push_exact(format!("[{}", items.len()).as_bytes());
            items.iter().for_each(|item| push(output, item));
        }
        Value::Object(members) => {
            output.push_exact(format!("{{{}", members.len()).as_bytes());
            for (name, item) in members {
                output.push_exact(name.as_bytes());
                push(output, item);
            }
        }
        other => output.push_exact(other.to_string().as_bytes()),
    }
}

/// Elements, nested or not: the shape is told beside them.
fn push_numbers(output: &mut Output, value: &Value) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| push_numbers(output, item)),
        other => push(output, other),
    }
}

fn push_number(output: &mut Output, number: &serde_json::Number) {
    let is_integer = number.is_i64() || number.is_u64();
    output.numbers.push(Number { value: number.as_f64().unwrap_or(f64::NAN), is_integer });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stable_part_ends_with_the_output_where_the_rest_is_volatile() {
        let body = br#"{"model":"m","output":[1.0,[2]],"request_id":"x"}"#;
        assert_eq!(end_of_output(body), Some(br#"{"model":"m","output":[1.0,[2]]"#.len()));
        for none in
            [r#"{"request_id":"x","output":[1.0]}"#, r#"{"predictions":[1.0]}"#, "[1.0]", ""]
        {
            assert_eq!(end_of_output(none.as_bytes()), None, "{none}");
        }
    }

    #[test]
    fn structure_counts() {
        let same = |one: &str, other: &str| {
            let [one, other] = [one, other].map(|body| values(body.as_bytes()).unwrap());
            one.differ_from(&other, 1e-3).is_none()
        };
        assert!(same(r#"{"a":[[1],[2]],"b":{"c":true}}"#, r#"{"b":{"c":true},"a":[[1],[2]]}"#));
        assert!(!same(r#"{"a":[[1],[2]]}"#, r#"{"a":[[1,2]]}"#));
        assert!(!same(r#"{"a":{"c":true}}"#, r#"{"a":{"c":false}}"#));
        assert!(!same("[1, 2]", "[1, 3]"));
    }
}
