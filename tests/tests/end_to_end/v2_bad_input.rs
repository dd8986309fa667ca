//! What bad requests of the Open Inference Protocol get: a status, and a sentence that helps.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use forge_tests::{Forge, Response, Setup};
use serde_json::{Value, json};

const LENGTH: &str = "Inference-Header-Content-Length";

fn declared() -> Forge {
    let setup = Setup::new().test_model("m", "echo\nargs a b");
    setup.with_inputs(&[("a", "float32", "[2]"), ("b", "int64", "[-1]")]).start()
}

fn assert_refused(answer: &Response, status: u16, told: &str) {
    assert_eq!(answer.status, status, "{told}: {}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"), "{told}");
    assert!(answer.error().contains(told), "{told}: {}", answer.error());
}

fn a() -> Value {
    json!({"name": "a", "datatype": "FP32", "shape": [1, 2], "data": [1.0, 2.0]})
}

fn b() -> Value {
    json!({"name": "b", "datatype": "INT64", "shape": [1, 1], "data": [3]})
}

#[test]
fn what_cannot_be_understood_is_a_400_that_says_why() {
    let forge = declared();
    let with = |changed: &str, value: Value| {
        let mut input = a();
        input[changed] = value;
        json!({"inputs": [input, b()]}).to_string()
    };
    for (body, told) in [
        (String::new(), "the body is empty"),
        ("{".to_owned(), "malformed JSON at byte 1"),
        (json!({"inputs": []}).to_string(), "input 'a' is missing; the model takes a, b"),
        (json!({"inputs": [a()]}).to_string(), "input 'b' is missing"),
        (json!({"inputs": [a(), b(), a()]}).to_string(), "input 'a' is given twice"),
        (with("name", json!("c")), "there is no input 'c'; the model takes a, b"),
        (with("datatype", json!("FP64")), "input 'a' is FP64, expected FP32"),
        (with("datatype", json!("UINT64")), "unsupported datatype 'UINT64'"),
        (with("datatype", json!("BYTES")), "expected an array of strings"),
        (with("shape", json!([2])), "the first dimension is the rows, 1 for a single one"),
        (with("shape", json!([2, 1])), "input 'a' has shape [2, 1], expected [-1, 2]"),
        (with("shape", json!([1, 3])), "has 2 elements, its shape [1, 3] takes 3"),
        (with("shape", json!([1, -2])), "is -2, expected dimensions of 0 or more"),
        (with("shape", json!([u64::MAX, 2])), "expected an integer of 64 bits"),
        (with("shape", json!([i64::MAX, 4])), "takes more than there can be"),
        (with("data", json!([1.0, "x"])), "is a string, expected a number"),
        (with("data", json!([[1.0], [2.0, 3.0]])), "row [1] has 2 elements, expected 1"),
        (with("parameters", json!({"shared_memory_region": "r"})), "there is no shared memory"),
        (
            json!({"inputs": [a(), b()], "parameters": {"triton_enable": true}}).to_string(),
            "the parameter \"triton_enable\" cannot be given",
        ),
        (
            json!({"inputs": [a(), b()], "outputs": [{"name": "y"}]}).to_string(),
            "there is no output 'y'; the model returns OUTPUT__0, OUTPUT__1",
        ),
        (
            json!({"inputs": [a(), b()], "outputs": [{"name": "OUTPUT__0"}, {"name": "OUTPUT__0"}]})
                .to_string(),
            "output 'OUTPUT__0' is asked for twice",
        ),
    ] {
        let answer = forge.ask("POST", "/v2/models/m/infer", &[], body.as_bytes());
        assert_refused(&answer, 400, told);
    }
}

#[test]
fn bytes_that_are_not_what_the_json_says_are_a_400() {
    let forge = declared();
    let json = |size: u64| {
        let a = json!({"name": "a", "datatype": "FP32", "shape": [1, 2],
                       "parameters": {"binary_data_size": size}});
        json!({"inputs": [a, b()]}).to_string()
    };
    let eight = json(8).len().to_string();
    let beyond = (json(8).len() + 9).to_string();
    for (json, tail, length, told) in [
        (json(8), &[0; 7][..], &*eight, "input 'a' has a binary_data_size of 8, of the body 7"),
        (json(8), &[0; 9], &eight, "1 bytes are left over"),
        (json(4), &[0; 4], &eight, "has 4 bytes, expected 8 for FP32 of shape [1, 2]"),
        (json(8), &[0; 8], &beyond, "Inference-Header-Content-Length is"),
        (json(8), &[0; 8], "many", "Inference-Header-Content-Length is no length"),
        (json(8), &[0; 8], "-1", "Inference-Header-Content-Length is no length"),
        (json(8), &[0; 8], "2", "malformed JSON at byte 1: the string has no closing quote"),
        (json(8), &[], "0", "for models of one input, this one takes 2"),
    ] {
        let body = [json.as_bytes(), tail].concat();
        let answer = forge.ask("POST", "/v2/models/m/infer", &[(LENGTH, length)], &body);
        assert_refused(&answer, 400, told);
    }
    let answer = forge.ask("POST", "/v2/models/m/infer", &[], json(8).as_bytes());
    assert_refused(&answer, 400, "of the body 0 bytes are left");
}

#[test]
fn strings_whose_lengths_lie_are_a_400() {
    let forge = Setup::new().real_model("m", "arguments.pt").start();
    let x = json!({"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [1]});
    let count = json!({"name": "count", "datatype": "INT8", "shape": [1], "data": [1]});
    for (tail, told) in [
        (&[255, 255, 255, 255, b'a'][..], "input 'mode' string 0 claims 4294967295 bytes"),
        (&[1, 0, 0, 0, b'a', b'b'], "1 bytes are left over after 1 strings"),
        (&[1, 0], "2 bytes cannot hold 1 strings"),
        (&[1, 0, 0, 0, 0xFF], "string 0 is not UTF-8"),
    ] {
        let mode = json!({"name": "mode", "datatype": "BYTES", "shape": [1],
                          "parameters": {"binary_data_size": tail.len()}});
        let json = json!({"inputs": [x, count, mode]}).to_string();
        let body = [json.as_bytes(), tail].concat();
        let length = json.len().to_string();
        let answer = forge.ask("POST", "/v2/models/m/infer", &[(LENGTH, &length)], &body);
        assert_refused(&answer, 400, told);
    }
}

#[test]
fn encodings_are_understood_or_refused_and_bombs_are_not_unpacked() {
    let forge = Setup::new().server("max_body_bytes = 100000").test_model("m", "echo").start();
    let infer = |encoding: &str, body: &[u8]| {
        forge.ask("POST", "/v2/models/m/infer", &[("Content-Encoding", encoding)], body)
    };
    let unknown = infer("br", b"x");
    assert_refused(&unknown, 501, "the body has the encoding 'br', understood are gzip, deflate");
    assert_eq!(unknown.header("accept-encoding"), Some("gzip, deflate"));
    assert_refused(&infer("gzip", b"{}"), 400, "the body is not gzip");
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    bomb.write_all(&vec![b' '; 50_000_000]).unwrap();
    let bomb = bomb.finish().unwrap();
    assert!(bomb.len() < 100_000);
    assert_refused(&infer("gzip", &bomb), 413, "larger than 100000 bytes");
    assert!(forge.process().own_memory() < 40_000_000);
}

#[test]
fn paths_methods_and_models_that_there_are_not_are_told_in_json() {
    let forge = declared();
    for (method, path, status, told) in [
        ("POST", "/v2/models/nobody/infer", 404, "Model 'nobody' not found. Registered: ['m']"),
        ("GET", "/v2/models/nobody", 404, "Model 'nobody' not found"),
        ("GET", "/v2/models/m/versions/7", 404, "Model 'm' has no version 7; there is: 1"),
        ("GET", "/v2/nowhere", 404, "there is no /v2/nowhere"),
        ("GET", "/v2/", 404, "there is no /v2/"),
        ("POST", "/v2/models/m/generate", 404, "there is no /v2/models/m/generate"),
        ("GET", "/v2/models/m/infer", 405, "/v2/models/m/infer takes POST, not GET"),
        ("POST", "/v2", 405, "/v2 takes GET, HEAD, not POST"),
        ("POST", "/v2/systemsharedmemory/region/r/register", 501, "there is no shared memory here"),
        ("GET", "/v2/logging", 501, "cannot be read or set"),
        ("POST", "/v2/trace/setting", 501, "cannot be read or set"),
    ] {
        let answer = forge.ask(method, path, &[], b"");
        assert_refused(&answer, status, told);
        assert_eq!(answer.header("allow").is_some(), status == 405, "{path}");
    }
}

#[test]
fn a_full_queue_is_a_503_with_the_time_to_come_again() {
    let forge = Setup::new()
        .test_model("m", "sleep 100")
        .with("max_queue_depth = 1")
        .with("max_batch_size = 1")
        .start();
    let body = json!({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [1]}]});
    let body = body.to_string();
    let mut clients: Vec<_> = (0..8).map(|_| forge.connect()).collect();
    for client in &mut clients {
        client.request("POST", "/v2/models/m/infer", &[], body.as_bytes());
    }
    let answers: Vec<Response> = clients.iter_mut().map(|client| client.response()).collect();
    let (answered, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|it| it.status == 200);
    assert!(!answered.is_empty() && !refused.is_empty(), "{} answered", answered.len());
    for refused in refused {
        assert_refused(refused, 503, "Request queue saturated (1 pending)");
        assert_eq!(refused.header("retry-after"), Some("1"));
    }
}
