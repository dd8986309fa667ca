//! The codec as a whole: what bodies mean, what bad ones are told, and that no bytes do harm.

mod infer;
mod instances;
mod properties;
mod refusals;

use super::{
    Budget, Declared, DecodeError, DecodeOptions, Decoded, DecodedInput, DecodedTensor, Form,
    Limits, decode,
};
use crate::tensor::{ArgumentKind, Dtype};

/// Declares `int64` for the input `ids`; some others are arguments of other kinds.
struct OnlyIds;

impl Declared for OnlyIds {
    fn argument(&self, name: &str) -> (ArgumentKind, bool) {
        match name {
            "count" => (ArgumentKind::Int, false),
            "offset" => (ArgumentKind::Float, true),
            "mask" => (ArgumentKind::Tensor, true),
            "images" => (ArgumentKind::Tensors, false),
            _ => (ArgumentKind::Tensor, false),
        }
    }

    fn dtype(&self, name: Option<&str>) -> Option<Dtype> {
        (name == Some("ids")).then_some(Dtype::Int64)
    }
}

/// Grants `left` bytes and remembers the sum it granted.
struct Purse {
    left: usize,
    taken: usize,
}

impl Budget for Purse {
    fn reserve(&mut self, bytes: usize) -> bool {
        let granted = bytes <= self.left;
        if granted {
            self.left -= bytes;
            self.taken += bytes;
        }
        granted
    }
}

fn decoded_within(body: &[u8], bytes: usize) -> (Result<Decoded, DecodeError>, usize) {
    let mut budget = Purse { left: bytes, taken: 0 };
    let limits = Limits { max_depth: 128, max_elements: 1 << 20, max_filled_bytes: 1 << 20 };
    let options = DecodeOptions { limits, declared: &OnlyIds, budget: &mut budget };
    (decode(body, options), budget.taken)
}

fn decoded(body: &str) -> Result<Decoded, DecodeError> {
    decoded_within(body.as_bytes(), usize::MAX).0
}

/// Name, dtype, shape and elements as text of each input.
fn shown(body: &str) -> String {
    shown_inputs(decoded(body).unwrap_or_else(|error| panic!("{body}: {error}")))
}

fn shown_inputs(decoded: Decoded) -> String {
    let inputs = decoded.inputs.into_iter().map(|(name, input)| {
        let name = name.map_or(String::new(), |name| format!("{name}: "));
        let input = match input {
            DecodedInput::Tensor(tensor) => shown_tensor(&tensor),
            DecodedInput::Tensors(list) => {
                format!("({})", list.iter().map(shown_tensor).collect::<Vec<_>>().join(" | "))
            }
            DecodedInput::Value(value) => format!("{value:?}"),
        };
        format!("{name}{input}")
    });
    inputs.collect::<Vec<_>>().join("; ")
}

fn shown_tensor(tensor: &DecodedTensor) -> String {
    let mut values = Vec::new();
    super::write_tensor(&mut values, tensor.dtype, &tensor.shape, &tensor.data);
    format!("{} {} {}", tensor.dtype, tensor.shape, String::from_utf8(values).unwrap())
}

/// The bytes of the only tensor.
fn only(decoded: &Decoded) -> Vec<u8> {
    tensors_of(decoded).next().expect("a tensor").data.clone()
}

fn tensors_of(decoded: &Decoded) -> impl Iterator<Item = &DecodedTensor> {
    decoded.inputs.iter().flat_map(|(_, input)| match input {
        DecodedInput::Tensor(tensor) => std::slice::from_ref(tensor),
        DecodedInput::Tensors(list) => list,
        DecodedInput::Value(_) => &[],
    })
}

#[test]
fn arguments_of_other_kinds_are_read_by_their_kind() {
    for (body, expected) in [
        (r#"{"inputs":{"count":3,"x":[1]}}"#, "count: Int(3); x: float32 [1] [1.0]"),
        (r#"{"inputs":{"offset":null}}"#, "offset: None"),
        (r#"{"inputs":{"offset":2}}"#, "offset: Float(2.0)"),
        (r#"{"inputs":{"mask":null}}"#, "mask: None"),
        (r#"{"inputs":{"mask":[1]}}"#, "mask: float32 [1] [1.0]"),
        (r#"{"inputs":{"images":[]}}"#, "images: ()"),
        (
            r#"{"inputs":{"images":[[1,2], {"data":[3],"dtype":"uint8"}, [[4],[5]]]}}"#,
            "images: (float32 [2] [1.0,2.0] | uint8 [1] [3] | float32 [2, 1] [[4.0],[5.0]])",
        ),
    ] {
        assert_eq!(shown(body), expected, "{body}");
    }
}

#[test]
fn a_shape_beside_the_data_orders_or_repeats_it() {
    for (body, expected) in [
        (r#"{"inputs":{"x":{"data":0.5,"shape":[2,1]}}}"#, "x: float32 [2, 1] [[0.5],[0.5]]"),
        (
            r#"{"inputs":{"x":{"shape":[2,2],"data":[1,2,3,4],"dtype":"int8"}}}"#,
            "x: int8 [2, 2] [[1,2],[3,4]]",
        ),
        (r#"{"inputs":{"x":{"data":7,"shape":[]}}}"#, "x: float32 [] 7.0"),
        (r#"{"inputs":{"x":{"data":7,"shape":[0]}}}"#, "x: float32 [0] []"),
    ] {
        assert_eq!(shown(body), expected, "{body}");
    }
    for (body, expected) in [
        (
            r#"{"inputs":{"x":{"data":[1,2],"shape":[3]}}}"#,
            "does not have the elements of shape [3]",
        ),
        (r#"{"inputs":{"x":{"data":1,"shape":[-1]}}}"#, "expected dimensions of 0 or more"),
        (r#"{"inputs":{"x":{"data":1,"shape":[1,1,1,1,1,1,1,1]}}}"#, "deeper than 7 levels"),
        (
            r#"{"inputs":{"x":{"data":1,"shape":[9223372036854775807,4]}}}"#,
            "would take 18446744073709551615 bytes",
        ),
        (r#"{"inputs":{"x":{"data":1,"shape":[1000000]}}}"#, "would take 4000000 bytes"),
        (r#"{"inputs":{"x":{"data":1,"shape":[1.5]}}}"#, "the shape of inputs[\"x\"] is 1.5"),
        (r#"{"inputs":{"x":{"data":1,"shape":3}}}"#, "expected an array of integers"),
        (r#"{"inputs":{"x":{"shape":[1],"data":1,"shape":[1]}}}"#, "stands twice"),
    ] {
        let refused = decoded(body).unwrap_err().to_string();
        assert!(refused.contains(expected), "{body}: {refused}");
    }
    let (refused, taken) = decoded_within(br#"{"inputs":{"x":{"data":1,"shape":[100000]}}}"#, 4096);
    assert!(matches!(refused, Err(DecodeError::Memory { bytes: 400_000 })));
    assert!(taken <= 4096);
}

#[test]
fn bodies_become_the_tensors_they_say() {
    for (body, expected) in [
        (r#"{"input": [1, 2.5, -3e2], "dtype": "float32"}"#, "float32 [3] [1.0,2.5,-300.0]"),
        (r#"{"input":[[1,2],[3,4],[5,6]]}"#, "float32 [3, 2] [[1.0,2.0],[3.0,4.0],[5.0,6.0]]"),
        (r#"{"input": 7}"#, "float32 [] 7.0"),
        (r#"{"input": true, "dtype": "bool"}"#, "bool [] true"),
        (r#"{"dtype": "torch.long", "input": [9007199254740993]}"#, "int64 [1] [9007199254740993]"),
        (
            r#"{"input": [-9223372036854775808], "dtype": "int64"}"#,
            "int64 [1] [-9223372036854775808]",
        ),
        (r#"{"input": [1.0, 1e3, -0], "dtype": "int16"}"#, "int16 [3] [1,1000,0]"),
        (r#"{"input": [true, false, 1, 0], "dtype": "bool"}"#, "bool [4] [true,false,true,false]"),
        (r#"{"input": [true, false], "dtype": "half"}"#, "float16 [2] [1.0,0.0]"),
        (r#"{"input": []}"#, "float32 [0] []"),
        (r#"{"input": [[], []]}"#, "float32 [2, 0] [[],[]]"),
        (r#"{"input": [[[[[[[1]]]]]]]}"#, "float32 [1, 1, 1, 1, 1, 1, 1] [[[[[[[1.0]]]]]]]"),
        (
            r#"{"input": [NaN, Infinity, -Infinity, "NaN", "Infinity", "-Infinity"]}"#,
            r#"float32 [6] ["NaN","Infinity","-Infinity","NaN","Infinity","-Infinity"]"#,
        ),
        (
            " \n\t\r{ \"input\" : [ [ 1 , 2 ] , [ 3 , 4 ] ] } \n",
            "float32 [2, 2] [[1.0,2.0],[3.0,4.0]]",
        ),
        (r#"{"\u0069nput": 1, "d\u0074ype": "in\u0074"}"#, "int32 [] 1"),
        (
            r#"{"a": [{"b": null}, "}\"]", {}, [], [NaN, -1.5e-3]], "input": 1, "z": "\ud800 ä"}"#,
            "float32 [] 1.0",
        ),
        (
            r#"{"inputs": {"x": [1], "ids": [[2]], "y": {"dtype": "byte", "data": [255], "a": {}}}}"#,
            "x: float32 [1] [1.0]; ids: int64 [1, 1] [[2]]; y: uint8 [1] [255]",
        ),
        (
            r#"{"inputs": {"ids": {"data": [1.5], "dtype": "float64"}, "x\u00e4\"": {"data": 1}}}"#,
            "ids: float64 [1] [1.5]; xä\": float32 [] 1.0",
        ),
    ] {
        assert_eq!(shown(body), expected, "{body}");
    }
}

#[test]
fn the_form_of_the_inputs_is_told() {
    assert_eq!(decoded(r#"{"input": 1}"#).unwrap().form, Form::Single);
    assert_eq!(decoded(r#"{"inputs": {"x": 1}}"#).unwrap().form, Form::Named);
}

#[test]
fn a_dtype_after_the_data_counts_even_where_the_guess_of_it_goes_wrong() {
    for (body, expected) in [
        // The guess sees the last key before a colon only.
        (r#"{"input": [300], "id": 7, "dtype": "int16"}"#, "int16 [1] [300]"),
        (r#"{"input": [1e39], "id": 7, "dtype": "float64"}"#, "float64 [1] [1e+39]"),
        (r#"{"input": [1], "x\"dtype": "int64"}"#, "float32 [1] [1.0]"),
        (r#"{"input": [1.5], "x\"dtype": "int64"}"#, "float32 [1] [1.5]"),
        (r#"{"input": [1], "x\"dtype": "bool", "dtype": "int8"}"#, "int8 [1] [1]"),
        (
            r#"{"inputs": {"ids": {"data": [0.5], "id": 7, "dtype": "float16"}}}"#,
            "ids: float16 [1] [0.5]",
        ),
    ] {
        assert_eq!(shown(body), expected, "{body}");
    }
}

#[test]
fn numbers_are_rounded_to_the_dtype_by_way_of_the_double() {
    for (number, dtype, expected) in [
        // Above the middle between two floats, yet the nearest double is that middle.
        ("1.00000005960464477539062500001", "float32", "1.0"),
        ("1.0000000596046449", "float32", "1.0000001"),
        // Halves are rounded by way of float32, as torch does.
        ("1.00048828125000000001", "float16", "1.0"),
        ("65519.99", "float16", "65504.0"),
        ("3.3895313892515355e38", "bfloat16", "3.3895314e+38"),
        ("1e-400", "float64", "0.0"),
        ("-1e-60", "float32", "-0.0"),
    ] {
        let body = format!(r#"{{"input": {number}, "dtype": "{dtype}"}}"#);
        assert_eq!(shown(&body), format!("{dtype} [] {expected}"), "{body}");
    }
}

#[test]
fn tensors_are_allocated_once_as_large_as_reserved() {
    let numbers = vec!["0.123456789"; 10_000].join(", ");
    for (body, spare) in [
        (format!(r#"{{"input": [{numbers}]}}"#), 0),
        // The comma before the next key counts for an element.
        (format!(r#"{{"input": [{numbers}], "dtype": "float32"}}"#), 4),
        (format!(r#"{{"input": [{numbers}], "id": 0, "dtype": "float32"}}"#), 4),
    ] {
        let (decoded, taken) = decoded_within(body.as_bytes(), usize::MAX);
        let decoded = decoded.unwrap();
        let tensor = tensors_of(&decoded).next().unwrap();
        assert_eq!(tensor.data.len(), 40_000);
        assert_eq!(tensor.data.capacity(), 40_000 + spare);
        assert_eq!(taken, 40_000 + spare);
    }
}

#[test]
fn a_second_reading_reserves_only_what_the_first_did_not() {
    let body = br#"{"input": [1, 2, 3, 4], "id": 7, "dtype": "float64"}"#;
    let (decoded, taken) = decoded_within(body, usize::MAX);
    assert_eq!(only(&decoded.unwrap()).len(), 32);
    assert_eq!(taken, 40);
}

#[test]
fn a_refused_budget_is_an_error_of_its_own() {
    let body = br#"{"inputs": {"x": [1, 2], "y": [1, 2]}}"#;
    assert!(decoded_within(body, 20).0.is_ok());
    assert_eq!(decoded_within(body, 19).0, Err(DecodeError::Memory { bytes: 8 }));
}
