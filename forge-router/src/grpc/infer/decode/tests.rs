use std::collections::HashMap;

use bytes::Bytes;
use forge_proto::infer_parameter::ParameterChoice;
use forge_proto::model_infer_request::{InferInputTensor, InferRequestedOutputTensor};
use forge_proto::{InferParameter, InferTensorContents as Contents, ModelInferRequest};
use prost::Message as _;

use super::*;
use crate::memory_budget::MemoryBudget;
use crate::tensor::Dtype;

fn input(datatype: &str, contents: Option<Contents>) -> InferInputTensor {
    let (name, datatype) = ("x".to_owned(), datatype.to_owned());
    InferInputTensor { name, datatype, shape: vec![2], contents, ..Default::default() }
}

fn of(inputs: Vec<InferInputTensor>, raw: &[&'static [u8]]) -> ModelInferRequest {
    let raw_input_contents = raw.iter().map(|raw| Bytes::from_static(raw)).collect();
    ModelInferRequest {
        model_name: "m".to_owned(),
        inputs,
        raw_input_contents,
        ..Default::default()
    }
}

fn decoded(request: &ModelInferRequest) -> Result<InferRequest, String> {
    let mut memory = MemoryBudget::new(1000).reservation();
    decode(&request.encode_to_vec().into(), &mut memory).map_err(|error| error.to_string())
}

fn data(datatype: &str, contents: Contents) -> Result<Vec<u8>, String> {
    decoded(&of(vec![input(datatype, Some(contents))], &[]))
        .map(|mut request| request.inputs.remove(0).data.whole().to_vec())
}

#[test]
fn the_head_is_read_wherever_it_stands() {
    let mut request = of(vec![input("FP32", None)], &[b"abcd"]);
    (request.model_version, request.id) = ("3".to_owned(), "i".to_owned());
    let mut bytes = request.encode_to_vec();
    // All but the raw tensor is read: the input's name, its datatype and its shape.
    let read = request.inputs[0].encoded_len();
    let expected = Head { model: "m".into(), version: "3".into(), id: "i".into(), read };
    assert_eq!(head(&bytes.clone().into()).unwrap(), expected);
    bytes.rotate_left(3);
    assert_eq!(head(&bytes.into()).unwrap(), expected);
}

#[test]
fn raw_contents_are_the_inputs_in_their_order() {
    let mut request = of(vec![input("UINT8", None), input("INT16", None)], &[b"ab", b"cdef"]);
    request.outputs.push(InferRequestedOutputTensor { name: "y".to_owned(), ..Default::default() });
    let decoded = decoded(&request).unwrap();
    let inputs: Vec<_> =
        decoded.inputs.iter().map(|input| (input.data.clone().whole(), input.datatype)).collect();
    let [byte, short] = [Dtype::Uint8, Dtype::Int16].map(Datatype::Numbers);
    assert_eq!(inputs, [("ab".into(), byte), ("cdef".into(), short)]);
    assert_eq!(decoded.inputs[0].shape, [2]);
    assert_eq!(decoded.outputs[0].name, "y");
}

#[test]
fn typed_contents_become_the_bytes_of_their_datatype() {
    let contents = Contents::default;
    for (datatype, contents, expected) in [
        ("BOOL", Contents { bool_contents: vec![true, false], ..contents() }, vec![1, 0]),
        ("INT8", Contents { int_contents: vec![-1, 5], ..contents() }, vec![255, 5]),
        ("INT16", Contents { int_contents: vec![-2, 256], ..contents() }, vec![254, 255, 0, 1]),
        (
            "INT32",
            Contents { int_contents: vec![-1, 1], ..contents() },
            vec![255, 255, 255, 255, 1, 0, 0, 0],
        ),
        ("INT64", Contents { int64_contents: vec![-1], ..contents() }, vec![255; 8]),
        ("UINT8", Contents { uint_contents: vec![200, 1], ..contents() }, vec![200, 1]),
        (
            "FP32",
            Contents { fp32_contents: vec![1.0], ..contents() },
            1.0_f32.to_le_bytes().to_vec(),
        ),
        (
            "FP64",
            Contents { fp64_contents: vec![1.0], ..contents() },
            1.0_f64.to_le_bytes().to_vec(),
        ),
        ("BYTES", Contents { bytes_contents: vec![b"hi".into(), vec![]], ..contents() }, {
            vec![2, 0, 0, 0, b'h', b'i', 0, 0, 0, 0]
        }),
        ("FP32", contents(), vec![]),
    ] {
        assert_eq!(data(datatype, contents), Ok(expected), "{datatype}");
    }
}

#[test]
fn numbers_that_are_not_packed_are_read_too() {
    // `fp32_contents: 1.0` and `int_contents: -1`, each as a field of its own.
    let mut memory = MemoryBudget::new(1000).reservation();
    let float =
        contents::read(Datatype::Numbers(Dtype::Float32), &[0x35, 0, 0, 0x80, 0x3F], &mut memory);
    assert_eq!(float.unwrap(), 1.0_f32.to_le_bytes());
    let minus_one = [0x10, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1];
    let int = contents::read(Datatype::Numbers(Dtype::Int8), &minus_one, &mut memory);
    assert_eq!(int.unwrap(), [255]);
    assert_eq!(memory.bytes(), 5);
}

#[test]
fn contents_that_do_not_fit_are_refused() {
    let contents = Contents::default;
    for (datatype, contents, cause) in [
        ("INT8", Contents { int_contents: vec![128], ..contents() }, "input 'x': 128 is no INT8"),
        ("UINT8", Contents { uint_contents: vec![256], ..contents() }, "256 is no UINT8"),
        ("FP32", Contents { fp64_contents: vec![1.0], ..contents() }, {
            "FP32 is given as fp32_contents, not as fp64_contents"
        }),
        ("FP16", contents(), "give raw_input_contents"),
        ("FP33", contents(), "unsupported datatype 'FP33'"),
    ] {
        let error = data(datatype, contents).unwrap_err();
        assert!(error.contains(cause), "{error}");
    }
    let both = of(vec![input("FP32", Some(contents()))], &[b"abcd"]);
    assert!(decoded(&both).unwrap_err().contains("give one of the two"));
    let missing = of(vec![input("FP32", None), input("FP32", None)], &[b"abcd"]);
    assert!(decoded(&missing).unwrap_err().contains("2 inputs, but 1 raw_input_contents"));
    let negative =
        of(vec![InferInputTensor { shape: vec![-1], ..input("FP32", None) }], &[b"abcd"]);
    assert!(decoded(&negative).unwrap_err().contains("negative"));
    let deep = of(vec![InferInputTensor { shape: vec![1; 10], ..input("FP32", None) }], &[b"abcd"]);
    assert!(decoded(&deep).unwrap_err().contains("more than 9 dimensions"));
}

#[test]
fn parameters_are_heeded_ignored_or_refused() {
    let with = |key: &str, choice: ParameterChoice| {
        let parameter = InferParameter { parameter_choice: Some(choice) };
        let parameters = HashMap::from([(key.to_owned(), parameter)]);
        decoded(&ModelInferRequest { parameters, ..of(vec![], &[]) })
            .map(|request| request.parameters)
    };
    let (int, uint) = (ParameterChoice::Int64Param, ParameterChoice::Uint64Param);
    let text = || ParameterChoice::StringParam("a".to_owned());
    assert_eq!(with("priority", uint(3)).unwrap().priority, 3);
    assert_eq!(with("timeout", int(250)).unwrap().timeout, 250);
    assert_eq!(with("sequence_id", text()), Ok(Parameters::default()));
    assert!(with("priority", text()).unwrap_err().contains("no whole number"));
    assert!(with("timeout", int(-1)).unwrap_err().contains("negative"));
    assert!(with("triton_x", text()).unwrap_err().contains("reserved"));
}

#[test]
fn what_tensors_take_beyond_the_message_is_reserved_before_it_is_allocated() {
    // A byte of a message is eight of INT64.
    let contents = Contents { int64_contents: vec![1; 10], ..Default::default() };
    let request = Pieces::from(of(vec![input("INT64", Some(contents))], &[]).encode_to_vec());
    let (small, large) = (MemoryBudget::new(79), MemoryBudget::new(80));
    let refused = decode(&request, &mut small.reservation());
    assert!(matches!(refused, Err(RequestError::MemoryFull { limit: 79 })));
    let mut memory = large.reservation();
    decode(&request, &mut memory).unwrap();
    assert_eq!(memory.bytes(), 80);
    // Raw ones are parts of it.
    let raw = Bytes::from(of(vec![input("UINT8", None)], &[b"abcdefgh"]).encode_to_vec());
    let decoded = decode(&raw.clone().into(), &mut MemoryBudget::new(0).reservation()).unwrap();
    let data = decoded.inputs[0].data.clone().whole();
    assert!(raw.as_ptr_range().contains(&data.as_ptr()));
}

#[test]
fn a_message_of_countless_fields_is_refused_before_they_are_kept() {
    for field in [[0x2A, 0], [0x32, 0], [0x3A, 0]] {
        let message = Pieces::from(field.repeat(MOST_FIELDS + 1));
        assert!(head(&message).unwrap_err().to_string().contains("16384 fields"));
        let mut memory = MemoryBudget::new(1000).reservation();
        assert!(decode(&message, &mut memory).is_err());
    }
}

#[test]
fn no_bytes_make_it_panic() {
    let request = of(
        vec![input("INT32", Some(Contents { int_contents: vec![-1, 7], ..Default::default() }))],
        &[],
    );
    let bytes = request.encode_to_vec();
    for place in 0..bytes.len() {
        for changed in [0, 1, 0x7F, 0x80, 0xFF] {
            let mut bytes = bytes.clone();
            bytes[place] = changed;
            let mut memory = MemoryBudget::new(1000).reservation();
            drop(decode(&bytes[..place].to_vec().into(), &mut memory));
            drop(decode(&bytes.into(), &mut memory));
        }
    }
}
