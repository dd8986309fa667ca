//! Inference of the Open Inference Protocol, V2, over HTTP: what is sent, and what comes back.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::read::{GzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};
use forge_tests::{Forge, Response, Setup, until};
use serde_json::{Value, json};

const LENGTH: &str = "Inference-Header-Content-Length";

fn infer(forge: &Forge, model: &str, body: &Value) -> Response {
    forge.ask("POST", &format!("/v2/models/{model}/infer"), &[], body.to_string().as_bytes())
}

/// JSON and the bytes behind it.
fn infer_binary(forge: &Forge, model: &str, json: &Value, tail: &[u8]) -> Response {
    let json = json.to_string();
    let body = [json.as_bytes(), tail].concat();
    let path = format!("/v2/models/{model}/infer");
    forge.ask("POST", &path, &[(LENGTH, &json.len().to_string())], &body)
}

/// The JSON of an answer and the bytes behind it.
fn parts(response: &Response) -> (Value, Vec<u8>) {
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(response.header("content-type"), Some("application/octet-stream"));
    let length = response.header("inference-header-content-length").unwrap().parse().unwrap();
    let (json, tail) = response.body.split_at(length);
    (serde_json::from_slice(json).unwrap(), tail.to_vec())
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn x(shape: &[u64], data: &Value) -> Value {
    json!({"name": "x", "datatype": "FP32", "shape": shape, "data": data})
}

#[test]
fn json_is_answered_in_json_with_the_clients_id_and_the_version() {
    let forge = Forge::serving("m", "double");
    for data in [json!([[1.0, 2.0], [3.0, 4.0]]), json!([1.0, 2.0, 3.0, 4.0])] {
        let body = json!({"id": "seven", "inputs": [x(&[2, 2], &data)], "model_name": "m"});
        let answer = infer(&forge, "m", &body);
        let expected = json!({
            "id": "seven", "model_name": "m", "model_version": "1",
            "outputs": [{
                "name": "OUTPUT__0", "datatype": "FP32", "shape": [2, 2], "data": [2.0, 4.0, 6.0, 8.0]
            }]
        });
        assert_eq!(answer.json(), expected);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("x-forge-version"), Some("1"));
        assert_eq!(answer.header("inference-header-content-length"), None);
    }
}

#[test]
fn tensors_come_and_go_as_bytes() {
    let forge = Forge::serving("m", "double");
    let json = json!({
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [2, 2],
                    "parameters": {"binary_data_size": 16}}],
        "parameters": {"binary_data_output": true}
    });
    let (head, tail) = parts(&infer_binary(&forge, "m", &json, &floats(&[1.0, 2.0, 3.0, 4.0])));
    let output = json!({"name": "OUTPUT__0", "datatype": "FP32", "shape": [2, 2],
                        "parameters": {"binary_data_size": 16}});
    assert_eq!(head["outputs"], json!([output]));
    assert_eq!(tail, floats(&[2.0, 4.0, 6.0, 8.0]));
}

#[test]
fn one_request_mixes_json_and_bytes_both_ways() {
    let forge = Forge::serving("m", "echo\nargs a b c");
    let bytes = |name: &str, size: u64| {
        json!({"name": name, "datatype": "UINT8", "shape": [1, size],
                                               "parameters": {"binary_data_size": size}})
    };
    let json = json!({
        "inputs": [bytes("a", 2), {"name": "b", "datatype": "INT64", "shape": [1, 1], "data": [-7]},
                   bytes("c", 3)],
        "outputs": [{"name": "OUTPUT__2", "parameters": {"binary_data": true}},
                    {"name": "OUTPUT__1"},
                    {"name": "OUTPUT__0", "parameters": {"binary_data": true}}]
    });
    let (head, tail) = parts(&infer_binary(&forge, "m", &json, b"abcde"));
    assert_eq!(tail, b"cdeab");
    assert_eq!(head["outputs"][1]["data"], json!([-7]));
    assert_eq!(head["outputs"][2]["parameters"]["binary_data_size"], 2);
}

#[test]
fn the_length_header_decides_whatever_the_content_type_says() {
    let forge = Forge::serving("m", "double");
    let body = json!({"inputs": [x(&[1, 1], &json!([1.0]))]}).to_string();
    for content_type in ["application/octet-stream", "application/json", "text/plain"] {
        for length in [None, Some(body.len().to_string())] {
            let mut headers = vec![("Content-Type", content_type)];
            headers.extend(length.as_deref().map(|length| (LENGTH, length)));
            let answer = forge.ask("POST", "/v2/models/m/infer", &headers, body.as_bytes());
            assert_eq!(answer.json()["outputs"][0]["data"], json!([2.0]), "{headers:?}");
        }
    }
}

#[test]
fn a_body_of_bytes_alone_is_the_only_input() {
    let forge = Forge::serving("m", "double");
    let raw = |bytes: &[u8]| forge.ask("POST", "/v2/models/m/infer", &[(LENGTH, "0")], bytes);
    let (head, tail) = parts(&raw(&floats(&[1.0, 2.0, 3.0])));
    assert_eq!(head["outputs"][0]["shape"], json!([1, 3]));
    assert_eq!(tail, floats(&[2.0, 4.0, 6.0]));
    assert_eq!(raw(b"abc").status, 400);
}

#[test]
fn the_largest_elements_come_as_classes_with_their_labels() {
    let setup = Setup::new();
    std::fs::write(setup.directory().join("labels.txt"), "cat\ndog\n").unwrap();
    let forge = setup.test_model("m", "double").with("labels = \"labels.txt\"").start();
    let outputs = json!([{"name": "OUTPUT__0", "parameters": {"classification": 2}}]);
    let input = x(&[2, 3], &json!([1, 3, 2, 9, 7, 8]));
    let answer = infer(&forge, "m", &json!({"inputs": [input], "outputs": outputs}));
    let output = answer.json()["outputs"][0].clone();
    assert_eq!((&output["datatype"], &output["shape"]), (&json!("BYTES"), &json!([2, 2])));
    // The third class has no label.
    let expected = json!(["6.000000:1:dog", "4.000000:2", "18.000000:0:cat", "16.000000:2"]);
    assert_eq!(output["data"], expected);
}

#[test]
fn models_of_several_inputs_free_dimensions_and_structures_are_flat() {
    let forge = ["arguments", "free-dims", "nested-dict", "values", "text"]
        .iter()
        .fold(Setup::new(), |setup, name| setup.real_model(name, &format!("{name}.pt")))
        .start();
    let named = |model: &str, inputs: Value| -> Vec<(String, Value, Value)> {
        let answer = infer(&forge, model, &json!({"inputs": inputs})).json();
        let outputs = answer["outputs"].as_array().unwrap_or_else(|| panic!("{answer}"));
        let named = |output: &Value| {
            let name = output["name"].as_str().unwrap().to_owned();
            (name, output["shape"].clone(), output["data"].clone())
        };
        outputs.iter().map(named).collect()
    };
    let expect = |name: &str, shape: Value, data: Value| (name.to_owned(), shape, data);
    for (ids, values) in [(1, 2), (3, 5)] {
        let inputs = json!([
            {"name": "ids", "datatype": "INT64", "shape": [2, ids], "data": vec![2; 2 * ids]},
            {"name": "INPUT__1", "datatype": "FP32", "shape": [2, values], "data": vec![0.5; 2 * values]}
        ]);
        let outputs = named("free-dims", inputs);
        assert_eq!(outputs[0], expect("OUTPUT__0", json!([2, ids]), json!(vec![4; 2 * ids])));
        assert_eq!(outputs[1].2, json!(vec![values as f64 * 0.5; 2]));
    }
    let inputs = json!([x(&[1, 2], &json!([1, 2]))]);
    assert_eq!(
        named("nested-dict", inputs.clone()),
        [
            expect("scaled.half", json!([1, 2]), json!([0.5, 1.0])),
            expect("scaled.double", json!([1, 2]), json!([2.0, 4.0])),
            expect("plain.x", json!([1, 2]), json!([1.0, 2.0])),
        ]
    );
    let values = named("values", json!([x(&[2, 1], &json!([1, -1]))]));
    assert_eq!(values[1], expect("OUTPUT__1", json!([1]), json!(["unit"])));
    assert_eq!(values[5], expect("OUTPUT__5", json!([2]), json!(["positive", "negative"])));
    let arguments = json!([
        x(&[2, 1], &json!([1, 2])),
        {"name": "count", "datatype": "INT32", "shape": [2, 1], "data": [3, 3]},
        {"name": "mode", "datatype": "BYTES", "shape": [1], "data": ["scale"]},
        {"name": "negate", "datatype": "BOOL", "shape": [1], "data": [true]}
    ]);
    assert_eq!(named("arguments", arguments)[0], expect("y", json!([2, 1]), json!([-3.0, -6.0])));
    assert_eq!(named("text", inputs)[0], expect("OUTPUT__0", json!([1]), json!(["no tensor"])));
}

#[test]
fn half_precision_is_taken_as_numbers() {
    let forge = Forge::serving("m", "echo");
    for datatype in ["FP16", "BF16"] {
        let input = json!({"name": "x", "datatype": datatype, "shape": [1, 2], "data": [0.5, -2]});
        let answer = infer(&forge, "m", &json!({"inputs": [input]})).json();
        let output = json!({"name": "OUTPUT__0", "datatype": datatype, "shape": [1, 2],
                            "data": [0.5, -2.0]});
        assert_eq!(answer["outputs"], json!([output]));
    }
}

#[test]
fn a_version_is_asked_by_its_number_and_any_name_may_be_quoted() {
    let forge = Forge::serving("m-1", "double");
    let body = json!({"inputs": [x(&[1, 1], &json!([1.0]))]}).to_string();
    for (path, status) in [
        ("/v2/models/m-1/versions/1/infer", 200),
        ("/v2/models/m%2D1/versions/1/infer", 200),
        ("/v2/models/%6d-1/infer", 200),
        ("/v2/models/m-1/versions/2/infer", 404),
        ("/v2/models/m-1/versions/one/infer", 404),
    ] {
        let answer = forge.ask("POST", path, &[], body.as_bytes());
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
    }
    let v1 = forge.ask("POST", "/v1/m%2D1/predict", &[], b"{\"input\": [1]}");
    assert_eq!(v1.json()["model"], "m-1");
}

#[test]
fn a_request_gives_its_own_time_and_any_parameter() {
    let forge = Forge::serving("m", "sleep 2000");
    let body = |timeout: u64| {
        json!({"inputs": [x(&[1, 1], &json!([1.0]))],
               "parameters": {"timeout": timeout, "priority": 1, "other": "a", "third": 1.5}})
    };
    let late = infer(&forge, "m", &body(50_000));
    assert_eq!(late.status, 504, "{}", late.text());
    assert!(late.error().contains("expired after 0.05s"), "{}", late.error());
    assert_eq!(infer(&forge, "m", &body(0)).status, 200);
}

#[test]
fn a_time_of_microseconds_is_kept() {
    const ASKED: Duration = Duration::from_micros(1500);
    let forge = Setup::new().test_model("m", "sleep 2000").start();
    let input = x(&[1, 1], &json!([1.0]));
    let body = json!({"inputs": [input], "parameters": {"timeout": 1500}}).to_string();
    let mut client = forge.connect();
    // While the machine is busy with other tests an answer may come late, but never too early.
    until("one is told so in no more than a few milliseconds", || {
        let asked = Instant::now();
        client.request("POST", "/v2/models/m/infer", &[], body.as_bytes());
        let late = client.response();
        let waited = asked.elapsed();
        assert_eq!(late.status, 504, "{}", late.text());
        assert!(late.error().contains("expired after 0.0015s"), "{}", late.error());
        assert!(waited >= ASKED, "{waited:?}");
        waited < 5 * ASKED
    });
}

#[test]
fn bodies_are_compressed_both_ways() {
    let forge = Forge::serving("m", "echo");
    let data: Vec<u32> = (0..1000).map(|place| place % 7).collect();
    let body = json!({"inputs": [x(&[1, 1000], &json!(data))]}).to_string();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(body.as_bytes()).unwrap();
    let mut deflate = ZlibEncoder::new(Vec::new(), Compression::fast());
    deflate.write_all(body.as_bytes()).unwrap();
    let plain = infer(&forge, "m", &json!({"inputs": [x(&[1, 1000], &json!(data))]}));
    assert_eq!(plain.header("content-encoding"), None);
    for (encoding, sent) in
        [("gzip", gzip.finish().unwrap()), ("deflate", deflate.finish().unwrap())]
    {
        let headers = [("Content-Encoding", encoding), ("Accept-Encoding", encoding)];
        let answer = forge.ask("POST", "/v2/models/m/infer", &headers, &sent);
        assert_eq!(answer.header("content-encoding"), Some(encoding), "{}", answer.text());
        assert!(answer.body.len() < plain.body.len() / 4);
        let mut text = Vec::new();
        let read = match encoding {
            "gzip" => GzDecoder::new(&answer.body[..]).read_to_end(&mut text),
            _ => ZlibDecoder::new(&answer.body[..]).read_to_end(&mut text),
        };
        assert_eq!(read.unwrap(), plain.body.len());
        assert_eq!(text, plain.body);
    }
    let short = json!({"inputs": [x(&[1, 1], &json!([1.0]))]}).to_string();
    let headers = [("Accept-Encoding", "gzip")];
    let short = forge.ask("POST", "/v2/models/m/infer", &headers, short.as_bytes());
    assert_eq!((short.status, short.header("content-encoding")), (200, None));
}

#[test]
fn a_request_asks_for_the_canary_by_its_headers() {
    let forge =
        Setup::new().test_model("m", "multiply 2").with("sticky_header = \"x-user\"").start();
    forge.write("triple.model", "multiply 3");
    assert_eq!(forge.start_canary("m", "triple.model", "50%").status, 200);
    let input = json!({"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [1]});
    let body = json!({"inputs": [input]}).to_string();
    let answer = |name: &str, value: &str| {
        let answer = forge.ask("POST", "/v2/models/m/infer", &[(name, value)], body.as_bytes());
        answer.json()["outputs"][0]["data"][0].as_f64().unwrap()
    };
    for _ in 0..4 {
        assert_eq!(answer("X-Forge-Route", "canary"), 3.0);
        assert_eq!(answer("X-Forge-Route", "stable"), 2.0);
    }
    let users = || (0..10).map(|user| answer("X-User", &format!("user {user}")));
    let mut seen: Vec<f64> = users().collect();
    assert!(users().eq(seen.iter().copied()), "{seen:?}");
    seen.sort_by(f64::total_cmp);
    assert_eq!((seen[0], seen[9]), (2.0, 3.0), "each version has some of them");
    assert_eq!(forge.ctl(&["abort", "m"]).code(), 0);
}
