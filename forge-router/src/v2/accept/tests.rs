//! What becomes of the inputs of a request.

use forge_ipc::{Argument, Given, Signature};

use super::*;
use crate::config::{self, Machine};
use crate::pieces::Pieces;

/// A model that takes `x` (float32, [3] declared), and perhaps `count` and a list of `images`.
fn interface(batching: bool) -> Interface {
    let argument = |name: &str, kind: ArgumentKind, default: Option<&str>| Argument {
        name: name.to_owned(),
        kind,
        optional: false,
        default: default.map(str::to_owned),
    };
    let arguments = vec![
        argument("x", ArgumentKind::Tensor, None),
        argument("count", ArgumentKind::Int, Some("1")),
        argument("images", ArgumentKind::Tensors, Some("[]")),
    ];
    let settings = format!(
        "batching = {batching}\ninputs = [{{ name = \"x\", dtype = \"float32\", shape = [3] }}]"
    );
    let machine = Machine { usable_cpus: vec![0], cpu_quota: None };
    let config = config::for_loading("m", "/m.pt".into(), settings.parse().unwrap(), &machine);
    Interface::new(&Signature { arguments, likely_row: None }, &config.unwrap()).unwrap()
}

fn input(name: &str, datatype: &str, shape: &[u64], bytes: usize) -> InferInput {
    let datatype = Datatype::named(datatype).unwrap();
    InferInput {
        name: name.to_owned(),
        datatype,
        shape: shape.to_vec(),
        data: vec![0; bytes].into(),
    }
}

fn refusal(inputs: Vec<InferInput>, batching: bool) -> String {
    accept(inputs, &interface(batching), batching).unwrap_err().to_string()
}

#[test]
fn the_first_dimension_is_the_rows_where_requests_are_batched() {
    for (batching, shape, bytes, rows, row) in
        [(true, &[2, 3][..], 24, 2, &[3][..]), (false, &[3], 12, 1, &[3])]
    {
        let given = vec![input("x", "FP32", shape, bytes)];
        let accepted = accept(given, &interface(batching), batching).unwrap();
        assert_eq!((accepted.rows, accepted.data[0].len()), (rows, bytes));
        assert_eq!(accepted.group.row[0].shape.dims(), row);
    }
}

#[test]
fn inputs_are_found_by_their_names_and_by_their_places() {
    for name in ["x", "INPUT__0"] {
        let count =
            InferInput { data: vec![7, 7].into(), ..input("INPUT__1", "UINT8", &[2, 1], 2) };
        let given = vec![count, input(name, "FP32", &[2, 3], 24)];
        let accepted = accept(given, &interface(true), true).unwrap();
        let arguments = forge_ipc::Arguments::new(accepted.group.arguments.as_deref().unwrap());
        let slots = arguments.decode().unwrap();
        assert_eq!(slots[..2], [Given::Tensor, Given::Value(Value::Int(7))], "{name}");
    }
}

#[test]
fn the_items_of_a_list_are_inputs_of_their_own() {
    let given = vec![
        input("x", "FP32", &[1, 3], 12),
        input("images.0", "UINT8", &[1, 2], 2),
        input("images.1", "UINT8", &[1, 4], 4),
    ];
    let accepted = accept(given, &interface(true), true).unwrap();
    let lengths: Vec<usize> = accepted.data.iter().map(Pieces::len).collect();
    assert_eq!(lengths, [12, 2, 4]);
}

#[test]
fn what_is_wrong_with_an_input_is_told_in_the_words_of_the_protocol() {
    let x = || input("x", "FP32", &[2, 3], 24);
    let many = (0..=MAX_TENSORS).map(|place| input(&place.to_string(), "INT8", &[], 1)).collect();
    for (inputs, told) in [
        (vec![], "input 'x' is missing; the model takes x, count, images"),
        (vec![input("y", "FP32", &[], 4)], "there is no input 'y'; the model takes x"),
        (vec![x(), input("INPUT__3", "FP32", &[], 4)], "there is no input 'INPUT__3'"),
        (vec![x(), x()], "input 'x' is given twice"),
        (vec![x(), input("INPUT__0", "FP32", &[2, 3], 24)], "gives 'x' a second time"),
        (vec![input("x", "INT32", &[2, 3], 24)], "input 'x' is INT32, expected FP32"),
        (vec![input("x", "FP32", &[2, 4], 32)], "input 'x' has shape [2, 4], expected [-1, 3]"),
        (vec![input("x", "FP32", &[3], 12)], "the first dimension is the rows, 1 for a single one"),
        (
            vec![input("x", "FP32", &[2, 3], 20)],
            "has 20 bytes, expected 24 for FP32 of shape [2, 3]",
        ),
        (vec![input("x", "FP32", &[u64::MAX, 2], 8)], "which overflows"),
        (vec![input("x", "FP32", &[1 << 62, 3], 8)], "expected more than there can be"),
        (vec![input("x", "FP32", &[0, 3], 0)], "input 'x' has no rows"),
        (vec![input("x", "BYTES", &[1, 3], 12)], "has the datatype BYTES, but is a tensor"),
        (
            vec![x(), input("images.0", "UINT8", &[3, 1], 3)],
            "input 'images.0' has 3 rows, input 'x' has 2",
        ),
        (vec![x(), input("images.0", "UINT8", &[], 1)], "has no dimensions"),
        (vec![x(), input("images.0", "UINT8", &[MOST_ROWS + 1, 0], 0)], "has 65537 rows"),
        (vec![x(), input("images.0", "UINT8", &[2, 1, 1, 1, 1, 1, 1, 1, 1], 2)], {
            "has 9 dimensions, at most 8 are taken"
        }),
        (vec![x(), input("images.1", "UINT8", &[2, 1], 2)], "item 0 is next"),
        (vec![x(), input("images", "UINT8", &[2, 1], 2)], "give its items as 'images.0'"),
        (vec![x(), input("count", "FP32", &[1], 4)], "input 'count' is FP32, expected an integer"),
        (vec![InferInput { data: vec![2; 3].into(), ..input("x", "BOOL", &[1, 3], 3) }], {
            "has a BOOL that is neither 0 nor 1"
        }),
        (many, "65 inputs, at most 64 are taken"),
    ] {
        let refused = refusal(inputs, true);
        assert!(refused.contains(told), "{refused}");
    }
    let unbatched = refusal(vec![input("x", "FP32", &[1, 3], 12)], false);
    assert_eq!(unbatched, "input 'x' has shape [1, 3], expected [3]");
}

#[test]
fn a_request_asks_for_its_priority_and_time() {
    let mut request = InferRequest::default();
    assert_eq!(asked(&request), (0, None));
    request.parameters.priority = 2;
    request.parameters.timeout = 1500;
    assert_eq!(asked(&request), (2, Some(Duration::from_micros(1500))));
}
