//! The bodies of the Open Inference Protocol, V2.

use super::Purse;
use crate::json::{DecodeError, decode_infer};
use crate::v2::InferHead;

fn decoded_within(body: &str, bytes: usize) -> (Result<InferHead, DecodeError>, usize) {
    let mut budget = Purse { left: bytes, taken: 0 };
    (decode_infer(body.as_bytes(), &mut budget), budget.taken)
}

fn decoded(body: &str) -> InferHead {
    decoded_within(body, usize::MAX).0.unwrap_or_else(|error| panic!("{body}: {error}"))
}

/// A body with one input that has these members beside its name.
fn one(members: &str) -> String {
    format!(r#"{{"inputs": [{{"name": "x", {members}}}]}}"#)
}

fn data(members: &str) -> Vec<u8> {
    decoded(&one(members)).request.inputs[0].data.clone().whole().to_vec()
}

#[test]
fn data_is_read_nested_or_flat_and_wherever_it_stands() {
    let expected: Vec<u8> =
        [1.0f32, 2.5, -3.0, 4.0].iter().flat_map(|it| it.to_le_bytes()).collect();
    for members in [
        r#""datatype": "FP32", "shape": [2, 2], "data": [[1, 2.5], [-3, 4]]"#,
        r#""datatype": "FP32", "shape": [2, 2], "data": [1, 2.5, -3e0, 4]"#,
        r#""data": [1, 2.5, -3, 4], "shape": [2, 2], "datatype": "FP32""#,
        r#""shape": [4], "data": [[[1, 2.5], [-3, 4]]], "extra": {"a": [":}"]}, "datatype": "FP32""#,
        r#""datatype": "\u0046P32", "parameters": null, "shape": [1, 4], "data": [1, 2.5, -3, 4]"#,
    ] {
        assert_eq!(data(members), expected, "{members}");
    }
}

#[test]
fn every_datatype_has_its_bytes() {
    for (datatype, text, expected) in [
        ("BOOL", "[true, 0, 1]", &[1, 0, 1][..]),
        ("UINT8", "[0, 255, 3]", &[0, 255, 3]),
        ("INT8", "[-1, 0, 3]", &[255, 0, 3]),
        ("INT16", "[-2, 0, 3]", &[254, 255, 0, 0, 3, 0]),
        ("FP16", "[1, 0, 0.5]", &[0, 0x3C, 0, 0, 0, 0x38]),
        ("BF16", "[1, 0, 0.5]", &[0x80, 0x3F, 0, 0, 0, 0x3F]),
        ("BYTES", r#"["a", "", "\u00e9"]"#, b"\x01\0\0\0a\0\0\0\0\x02\0\0\0\xC3\xA9"),
        ("BYTES", r#"[["a"], [""], ["\n"]]"#, b"\x01\0\0\0a\0\0\0\0\x01\0\0\0\n"),
    ] {
        let members = format!(r#""datatype": "{datatype}", "shape": [3], "data": {text}"#);
        assert_eq!(data(&members), expected, "{members}");
    }
    for (datatype, size) in [("INT32", 4), ("INT64", 8), ("FP32", 4), ("FP64", 8)] {
        let members = format!(r#""datatype": "{datatype}", "shape": [3], "data": [1, 2, 3]"#);
        assert_eq!(data(&members).len(), 3 * size, "{datatype}");
    }
    for empty in ["[]", "[[], []]"] {
        for datatype in ["FP32", "BYTES"] {
            let members = format!(r#""datatype": "{datatype}", "shape": [2, 0], "data": {empty}"#);
            assert!(data(&members).is_empty(), "{members}");
        }
    }
}

#[test]
fn what_is_asked_beside_the_inputs_is_read_and_the_rest_read_over() {
    let head = decoded(
        r#"{"id": "a\"b", "model_name": "m", "parameters": {"priority": 2, "timeout": 1500,
            "binary_data_output": true, "sequence_id": "s", "sequence_start": true, "other": 1.5},
            "inputs": [], "outputs": [{"name": "y", "parameters": {"binary_data": false}},
            {"name": "z", "parameters": {"classification": 3, "other": "a"}}, {"name": "w"}]}"#,
    );
    let request = head.request;
    assert_eq!(request.id, "a\"b");
    let parameters = request.parameters;
    assert_eq!((parameters.priority, parameters.timeout), (2, 1500));
    assert!(parameters.binary_data_output);
    let outputs: Vec<_> = request
        .outputs
        .iter()
        .map(|output| (output.name.as_str(), output.binary, output.classes))
        .collect();
    assert_eq!(outputs, [("y", Some(false), 0), ("z", None, 3), ("w", None, 0)]);
    let nothing = decoded(r#"{"id": null, "parameters": null, "outputs": null, "inputs": []}"#);
    assert_eq!(nothing, InferHead::default());
}

#[test]
fn bytes_that_follow_are_announced() {
    let body = r#"{"inputs": [
        {"name": "a", "datatype": "FP32", "shape": [2], "parameters": {"binary_data_size": 8}},
        {"name": "b", "datatype": "INT8", "shape": [1], "data": [1]}]}"#;
    let head = decoded(body);
    assert_eq!(head.binary, [Some(8), None]);
    assert!(head.request.inputs[0].data.is_empty());
}

#[test]
fn a_bad_body_is_refused_with_what_is_wrong() {
    let x = |members: &str| one(members);
    for (body, told) in [
        (String::new(), "the body is empty"),
        ("[]".to_owned(), "the body is an array, expected an object such as {\"inputs\": […]}"),
        ("x".to_owned(), "Inference-Header-Content-Length says how long the JSON is"),
        ("{}".to_owned(), "the body has no \"inputs\""),
        (r#"{"inputs": {}}"#.to_owned(), "\"inputs\" is an object, expected an array of objects"),
        (r#"{"inputs": [1]}"#.to_owned(), "an item of \"inputs\" is a number, expected an object"),
        (r#"{"inputs": [], "inputs": []}"#.to_owned(), "the key \"inputs\" stands twice"),
        (r#"{"inputs": []} x"#.to_owned(), "nothing may follow the object"),
        (r#"{"inputs": [], "id": 7}"#.to_owned(), "\"id\" is a number, expected a string"),
        (r#"{"inputs": [], "parameters": []}"#.to_owned(), "expected an object"),
        (
            r#"{"inputs": [], "parameters": {"triton_x": 1}}"#.to_owned(),
            "the parameter \"triton_x\" cannot be given",
        ),
        (
            r#"{"inputs": [], "parameters": {"priority": -1}}"#.to_owned(),
            "\"priority\" is -1, expected a whole number of 0 or more",
        ),
        (
            r#"{"inputs": [], "parameters": {"timeout": "1"}}"#.to_owned(),
            "\"timeout\" is a string, expected an integer",
        ),
        (r#"{"inputs": [], "outputs": [{}]}"#.to_owned(), "an item of \"outputs\" has no \"name\""),
        (
            r#"{"inputs": [], "outputs": [{"name": "y", "parameters": {"shared_memory_region": "r"}}]}"#
                .to_owned(),
            "there is no shared memory here",
        ),
        (
            r#"{"inputs": [{"datatype": "INT8", "shape": [1], "data": [1]}]}"#.to_owned(),
            "input has no \"name\"",
        ),
        (x(r#""shape": [1], "data": [1]"#), "inputs[\"x\"] has no \"datatype\""),
        (x(r#""datatype": "INT8", "data": [1]"#), "inputs[\"x\"] has no \"shape\""),
        (x(r#""datatype": "INT8", "shape": [1]"#), "has no \"data\" and no \"binary_data_size\""),
        (
            x(r#""datatype": "INT8", "shape": [1], "data": [1], "parameters": {"binary_data_size": 1}"#),
            "both \"data\" and \"binary_data_size\"",
        ),
        (
            x(r#""datatype": "INT8", "shape": [1], "parameters": {"binary_data_size": -1}"#),
            "\"binary_data_size\" of inputs[\"x\"] is -1",
        ),
        (
            x(r#""datatype": "INT8", "shape": [1], "parameters": {"shared_memory_region": "r"}"#),
            "there is no shared memory here, send the tensors themselves",
        ),
        (
            x(r#""datatype": "FLOAT", "shape": [1], "data": [1]"#),
            "unsupported datatype 'FLOAT': there are BOOL",
        ),
        (x(r#""datatype": "INT8", "shape": [-1], "data": [1]"#), "is -1, expected dimensions of 0"),
        (x(r#""datatype": "INT8", "shape": 1, "data": [1]"#), "expected an array of integers"),
        (
            x(r#""datatype": "INT8", "shape": [99999999999999999999], "data": [1]"#),
            "expected an integer of 64 bits",
        ),
        (
            x(r#""datatype": "INT8", "shape": [2, 2], "data": [1, 2, 3]"#),
            "inputs[\"x\"] has 3 elements, its shape [2, 2] takes 4",
        ),
        (
            x(r#""datatype": "INT8", "shape": [4294967296, 4294967296], "data": [1]"#),
            "takes more than there can be",
        ),
        (
            x(r#""datatype": "INT8", "shape": [4], "data": [[1, 2], [3]]"#),
            "row [1] has 1 element, expected 2",
        ),
        (x(r#""datatype": "INT8", "shape": [1], "data": [300]"#), "which int8 cannot hold"),
        (x(r#""datatype": "INT8", "shape": [1], "data": ["1"]"#), "is a string, expected a number"),
        (x(r#""datatype": "INT8", "shape": [1], "data": null"#), "is null, expected a number"),
        (x(r#""datatype": "BYTES", "shape": [1], "data": [1]"#), "expected an array of strings"),
        (x(r#""datatype": "BYTES", "shape": [1], "data": "a""#), "expected an array of strings"),
        (x(r#""datatype": "BYTES", "shape": [2], "data": ["a"]"#), "has 1 elements"),
        (x(r#""datatype": "BYTES", "shape": [1], "data": ["\ud800"]"#), "a surrogate stands alone"),
    ] {
        let refused = decoded_within(&body, usize::MAX).0.unwrap_err().to_string();
        assert!(refused.contains(told), "{body}: {refused}");
    }
}

#[test]
fn memory_is_asked_for_before_it_is_taken() {
    let numbers = one(r#""datatype": "FP64", "shape": [3], "data": [1, 2, 3]"#);
    assert!(matches!(decoded_within(&numbers, 23).0, Err(DecodeError::Memory { bytes: 24 })));
    let (head, taken) = decoded_within(&numbers, usize::MAX);
    assert!(head.is_ok() && taken >= 24, "{taken}");
    let texts = one(r#""datatype": "BYTES", "shape": [3], "data": ["","",""]"#);
    let (head, taken) = decoded_within(&texts, usize::MAX);
    let input = &head.unwrap().request.inputs[0];
    assert!(input.data.len() == 12 && taken >= 12, "{taken}");
    assert!(matches!(decoded_within(&texts, 11).0, Err(DecodeError::Memory { .. })));
}

#[test]
fn arrays_nested_without_end_are_refused() {
    for datatype in ["INT8", "BYTES"] {
        for deep in ["[".repeat(100_000), format!("{}1{}", "[".repeat(200), "]".repeat(200))] {
            for members in [
                format!(r#""datatype": "{datatype}", "shape": [1], "data": {deep}"#),
                format!(r#""data": {deep}, "datatype": "{datatype}", "shape": [1]"#),
            ] {
                let refused = decoded_within(&one(&members), usize::MAX).0.unwrap_err();
                assert!(matches!(refused, DecodeError::TooDeep { .. }), "{refused}");
            }
        }
    }
}
