//! Tensors in formats other than JSON, there and back through real models.

use forge_tests::{Forge, Response, Setup, Value, json, until};

const NPY: &str = "application/x-npy";
const NPZ: &str = "application/x-npz";
const SAFETENSORS: &str = "application/vnd.safetensors";
const OCTETS: &str = "application/octet-stream";

/// A `.npy` of version 1.0.
fn npy(descr: &str, shape: &str, elements: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n")
        .into_bytes();
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\0", &length[..], &header, elements].concat()
}

fn floats(floats: &[f32]) -> Vec<u8> {
    floats.iter().flat_map(|float| float.to_le_bytes()).collect()
}

fn safetensors(header: &Value, elements: &[u8]) -> Vec<u8> {
    let header = header.to_string();
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), elements].concat()
}

fn post(forge: &Forge, model: &str, content_type: &str, body: &[u8]) -> Response {
    let path = format!("/v1/{model}/predict");
    let answer = forge.ask("POST", &path, &[("Content-Type", content_type)], body);
    assert_eq!(answer.status, 200, "{content_type}: {}", answer.text());
    answer
}

#[test]
fn an_npy_is_answered_by_an_npy() {
    let forge = Setup::new().real_model("m", "double.pt").start();
    let answer = post(&forge, "m", NPY, &npy("<f4", "(1, 2)", &floats(&[1.5, -2.0])));
    assert_eq!(answer.header("content-type"), Some(NPY));
    assert!(answer.text().contains("'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, )"));
    assert!(answer.body.ends_with(&floats(&[3.0, -4.0])));
    assert!(answer.header("x-forge-version").is_some());
}

#[test]
fn bare_elements_are_answered_by_bare_elements_with_their_dtype_and_shape() {
    let forge = Setup::new().real_model("m", "double.pt").start();
    let headers = [("Content-Type", OCTETS), ("X-Forge-Dtype", "int16"), ("X-Forge-Shape", "2,1")];
    let answer = forge.ask("POST", "/v1/m/predict", &headers, &[1, 0, 0, 1]);
    assert_eq!((answer.status, answer.body.as_slice()), (200, &[2, 0, 0, 2][..]));
    assert_eq!(answer.header("x-forge-dtype"), Some("int16"));
    assert_eq!(answer.header("x-forge-shape"), Some("2,1"));
}

#[test]
fn what_is_declared_need_not_be_described() {
    let forge =
        Setup::new().real_model("m", "double.pt").with_inputs(&[("x", "float32", "[2]")]).start();
    assert_eq!(post(&forge, "m", OCTETS, &floats(&[1.0, 2.0])).body, floats(&[2.0, 4.0]));
    let headers = [("Content-Type", OCTETS), ("X-Forge-Batch", "true")];
    let answer = forge.ask("POST", "/v1/m/predict", &headers, &floats(&[1.0, 2.0, 3.0, 4.0]));
    assert_eq!(answer.header("x-forge-shape"), Some("2,2"), "{}", answer.text());
}

#[test]
fn safetensors_give_several_inputs_by_name() {
    let forge = Setup::new().real_model("m", "add.pt").start();
    let header = json!({
        "y": {"dtype": "F32", "shape": [2], "data_offsets": [8, 16]},
        "x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    });
    let body = safetensors(&header, &floats(&[1.0, 2.0, 10.0, 20.0]));
    let answer = post(&forge, "m", SAFETENSORS, &body);
    assert_eq!(answer.header("content-type"), Some(SAFETENSORS));
    assert!(answer.text().contains("\"OUTPUT__0\":{\"dtype\":\"F32\",\"shape\":[2]"));
    assert!(answer.body.ends_with(&floats(&[11.0, 22.0])));
}

#[test]
fn json_by_name_is_answered_in_an_archive_and_that_is_read_again() {
    let forge = Setup::new().real_model("pair", "pair.pt").real_model("add", "add.pt").start();
    let body = json!({"inputs": {"x": [1, 2]}}).to_string();
    let answer = forge.ask("POST", "/v1/pair/predict", &[("Accept", NPZ)], body.as_bytes());
    assert_eq!((answer.status, answer.header("content-type")), (200, Some(NPZ)));
    assert!(answer.text().contains("OUTPUT__1.npy"));
    // Members by the model's own names; those of the answer to `pair` are others.
    let archive: Vec<u8> = replace(&answer.body, b"OUTPUT__", b"arr_xxx_");
    let refused = forge.ask("POST", "/v1/add/predict", &[("Content-Type", NPZ)], &archive);
    assert_eq!(refused.status, 422);
    assert!(refused.detail().contains("there is no input 'arr_xxx_0'"), "{}", refused.detail());
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut replaced = bytes.to_vec();
    let places: Vec<usize> =
        (0..bytes.len()).filter(|place| bytes[*place..].starts_with(from)).collect();
    for place in places {
        replaced[place..place + to.len()].copy_from_slice(to);
    }
    replaced
}

#[test]
fn a_batch_is_answered_with_its_rows_in_every_format() {
    let forge = Setup::new().real_model("m", "pair.pt").start();
    let batch = ("X-Forge-Batch", "true");
    let body = json!({"input": [[1, 2], [3, 4], [5, 6]]}).to_string();
    let answer = forge.ask("POST", "/v1/m/predict", &[batch], body.as_bytes());
    let rows = |answer: &Response| answer.output()[0].as_array().unwrap().len();
    assert_eq!(rows(&answer), 3);
    let body = npy("<f4", "(3, 2)", &floats(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
    let headers = [batch, ("Content-Type", NPY), ("Accept", "application/json")];
    let same = forge.ask("POST", "/v1/m/predict", &headers, &body);
    assert_eq!(same.output(), answer.output());
    let headers = [batch, ("Content-Type", NPY), ("Accept", SAFETENSORS)];
    let binary = forge.ask("POST", "/v1/m/predict", &headers, &body);
    assert!(binary.text().contains("\"shape\":[3, 2]"), "{}", binary.text());
}

#[test]
fn an_argument_that_is_no_tensor_is_given_as_one() {
    let forge = Setup::new().real_model("m", "defaults.pt").start();
    let header = json!({
        "x": {"dtype": "F32", "shape": [2], "data_offsets": [8, 16]},
        "scale": {"dtype": "F64", "shape": [], "data_offsets": [0, 8]}
    });
    let body = [&3f64.to_le_bytes()[..], &floats(&[1.0, 2.0])].concat();
    let answer = post(&forge, "m", SAFETENSORS, &safetensors(&header, &body));
    assert!(answer.body.ends_with(&floats(&[3.0, 6.0])), "{}", answer.text());
}

#[test]
fn a_large_body_in_a_binary_format_leaves_nothing_reserved() {
    let forge = Setup::new().real_model("m", "double.pt").start();
    let count = 1_000_000;
    let body = npy("|u1", &format!("({count},)"), &vec![1; count]);
    let answer = post(&forge, "m", NPY, &body);
    assert!(answer.body.ends_with(&vec![2; count]));
    drop(answer);
    until("nothing is reserved", || forge.metric("forge_inflight_bytes", &[]) == 0.0);
}
