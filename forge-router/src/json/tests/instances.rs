//! Bodies of many rows.

use super::*;
use crate::json::{Instances, Layout, decode_instances, decode_tensor, has_member};

fn read_within(body: &str, bytes: usize) -> (Result<Instances, DecodeError>, usize) {
    let mut budget = Purse { left: bytes, taken: 0 };
    let limits = Limits { max_depth: 128, max_elements: 1 << 20, max_filled_bytes: 1 << 10 };
    let options = DecodeOptions { limits, declared: &OnlyIds, budget: &mut budget };
    (decode_instances(body.as_bytes(), options), budget.taken)
}

fn rows_of(body: &str) -> String {
    let read = read_within(body, usize::MAX).0.unwrap_or_else(|error| panic!("{body}: {error}"));
    let layout = read.layout;
    let form = Form::Named;
    format!("{layout:?} {}", shown_inputs(Decoded { inputs: read.inputs, form }))
}

#[test]
fn rows_and_columns_are_read_as_whole_tensors() {
    for (body, expected) in [
        (r#"{"instances": [[1, 2], [3, 4]]}"#, "Rows float32 [2, 2] [[1.0,2.0],[3.0,4.0]]"),
        (r#"{"instances": [1, 2, 3]}"#, "Rows float32 [3] [1.0,2.0,3.0]"),
        (
            r#"{"signature_name": "s", "instances": [{"x": [1]}, {"x": [2]}]}"#,
            "Rows x: float32 [2, 1] [[1.0],[2.0]]",
        ),
        (
            r#"{"instances": [{"ids": 1, "count": 5}, {"count": 5, "ids": 2}]}"#,
            "Rows ids: int64 [2] [1,2]; count: Int(5)",
        ),
        (r#"{"instances": [{"x": {"data": [1], "dtype": "int8"}}]}"#, "Rows x: int8 [1, 1] [[1]]"),
        (r#"{"inputs": [[1], [2]]}"#, "Columns float32 [2, 1] [[1.0],[2.0]]"),
        (
            r#"{"inputs": {"x": [1, 2], "ids": [3, 4]}}"#,
            "Columns x: float32 [2] [1.0,2.0]; ids: int64 [2] [3,4]",
        ),
    ] {
        assert_eq!(rows_of(body), expected, "{body}");
    }
    assert_eq!(read_within(r#"{"inputs": [1]}"#, 64).0.unwrap().layout, Layout::Columns);
}

#[test]
fn rows_that_do_not_fit_together_are_refused_with_their_place() {
    for (body, told) in [
        ("[]", "the body is an array, expected an object such as {\"instances\""),
        ("{}", "neither \"instances\" nor \"inputs\""),
        (r#"{"instances": []}"#, "has no rows"),
        (r#"{"instances": {"x": 1}}"#, "\"instances\" is an object, expected an array of rows"),
        (r#"{"instances": [[1], [2, 3]]}"#, "instances: row [1] has 2 elements, expected 1"),
        (r#"{"instances": [["a"]]}"#, "instances[0][0] is a string, expected a number"),
        (r#"{"instances": [{}]}"#, "rows without inputs"),
        (r#"{"instances": [{"x": 1}, {}]}"#, "instances: [1] has 0 inputs, [0] has 1 (byte 24)"),
        (r#"{"instances": [{"x": 1}, {"y": 1}]}"#, "[1][\"y\"] is an input that [0] does not have"),
        (r#"{"instances": [{"x": 1}, {"x": 1, "x": 2}]}"#, "the key \"x\" stands twice"),
        (r#"{"instances": [{"x": 1, "x": 2}]}"#, "the key \"x\" stands twice"),
        (
            r#"{"instances": [{"x": [1]}, {"x": [1, 2]}]}"#,
            "[1][\"x\"] is float32 [2], that of [0] is float32 [1]",
        ),
        (r#"{"instances": [{"count": 1}, {"count": 2}]}"#, "is one for all rows"),
        (r#"{"instances": [{"images": [[1]]}]}"#, "is a list of tensors"),
        (r#"{"instances": [{"x": 1}, 2]}"#, "expected an object"),
        (r#"{"instances": [{"x": 1}"#, "the body ends early"),
        (r#"{"instances": [1], "instances": [1]}"#, "the key \"instances\" stands twice"),
        (r#"{"instances": [1], "inputs": [1]}"#, "both \"instances\" and \"inputs\""),
    ] {
        let error = read_within(body, usize::MAX).0.unwrap_err().to_string();
        assert!(error.contains(told), "{body}: {error}");
    }
}

#[test]
fn memory_for_all_rows_is_asked_for_before_it_is_taken() {
    let body = r#"{"instances": [{"x": [1, 2]}, {"x": [3, 4]}, {"x": [5, 6]}]}"#;
    let (read, taken) = read_within(body, usize::MAX);
    let column = read
        .unwrap()
        .inputs
        .iter()
        .map(|(_, input)| match input {
            DecodedInput::Tensor(tensor) => tensor.data.capacity(),
            _ => 0,
        })
        .sum::<usize>();
    assert_eq!(column, 24);
    assert!(taken >= 24 + 3 * 8, "{taken}");
    assert!(matches!(read_within(body, 30).0, Err(DecodeError::Memory { .. })));
}

#[test]
fn a_short_body_of_many_rows_cannot_ask_for_much() {
    let row = r#"{"x": {"data": 0, "shape": [16, 16]}}"#;
    let body = format!(r#"{{"instances": [{row}{}]}}"#, format!(", {row}").repeat(999));
    let error = read_within(&body, usize::MAX).0.unwrap_err().to_string();
    assert!(error.contains("would take 1024000 bytes"), "{error}");
}

#[test]
fn a_body_may_be_a_tensor_alone() {
    let read = |body: &str| {
        let budget = &mut Purse { left: 64, taken: 0 };
        let options = DecodeOptions { limits: Limits::default(), declared: &OnlyIds, budget };
        decode_tensor(body.as_bytes(), options).map(|tensor| shown_tensor(&tensor))
    };
    assert_eq!(read(" [[1, 2]] ").unwrap(), "float32 [1, 2] [[1.0,2.0]]");
    assert!(read("[1] [2]").unwrap_err().to_string().contains("nothing may follow"));
    assert!(read("null").unwrap_err().to_string().contains("the body is null"));
}

#[test]
fn members_are_found_whatever_stands_beside_them() {
    for (body, is_there) in [
        (r#"{"a": {"instances": 1}, "instances": []}"#, true),
        (r#"{"a": {"instances": 1}}"#, false),
        (r#"{"instances": "#, false),
        ("[]", false),
    ] {
        assert_eq!(has_member(body.as_bytes(), "instances"), is_there, "{body}");
    }
}
