//! The routes of HTTP over HTTP/2, on the same port.

use forge_tests::{Forge, Setup, json};

use super::http2_client::{Http2, begun, whole};

const JSON: &str = "application/json";

#[test]
fn a_prediction_is_answered_as_over_http_1() {
    let forge = Forge::serving("m", "double");
    let mut client = Http2::connect(&forge);
    for number in 0..3 {
        let body = json!({"input": [number]}).to_string();
        let answer = client.ask("POST", "/v1/m/predict", JSON, whole(body));
        assert_eq!(answer.status, 200);
        let body: forge_tests::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(body["output"], json!([f64::from(number) * 2.0]));
        assert!(!answer.header("x-request-id").is_empty());
    }
    assert_eq!(client.ask("GET", "/health/ready", JSON, whole("")).status, 200);
    assert_eq!(client.ask("GET", "/nowhere", JSON, whole("")).status, 404);
    // As HTTP/1.1 has it: what is not there is not there, whatever is sent.
    assert_eq!(
        client.ask("POST", "/inference.GRPCInferenceService/ModelInfer", JSON, whole("")).status,
        404
    );
}

#[test]
fn head_is_answered_as_get_is_but_without_the_body() {
    let forge = Forge::serving("m", "echo");
    let mut client = Http2::connect(&forge);
    for path in ["/health/live", "/v2/models/m", "/metrics", "/docs", "/nowhere"] {
        let get = client.ask("GET", path, "", whole(""));
        let head = client.ask("HEAD", path, "", whole(""));
        assert_eq!(head.status, get.status, "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
        assert_ne!(head.header("content-length"), "", "{path}");
        assert!(head.body.is_empty(), "{path}");
    }
    assert_eq!(client.ask("HEAD", "/v1/m/predict", "", whole("")).status, 405);
}

#[test]
fn a_large_body_comes_and_goes_whole() {
    let forge = Setup::new().test_model("m", "echo").with("frame_bytes = 33554432").start();
    let mut client = Http2::connect(&forge);
    let body = json!({"input": vec![1; 3_000_000], "dtype": "uint8"}).to_string();
    let answer = client.ask("POST", "/v1/m/predict", JSON, whole(body));
    assert_eq!(answer.status, 200);
    assert!(answer.body.len() > 6_000_000);
}

#[test]
fn a_body_that_stops_is_given_up_with_a_word() {
    let forge = Setup::new().server("body_timeout_s = 0.3").test_model("m", "echo").start();
    let mut client = Http2::connect(&forge);
    let answer = client.ask("POST", "/v1/m/predict", JSON, begun(b"{\"input\": [1"));
    assert_eq!(answer.status, 408);
    assert_eq!(client.ask("GET", "/health/live", JSON, whole("")).status, 200);
}

#[test]
fn a_connection_that_is_kept_does_not_hold_up_the_end() {
    let forge = Forge::serving("m", "echo");
    let mut client = Http2::connect(&forge);
    assert_eq!(client.ask("GET", "/health/live", JSON, whole("")).status, 200);
    assert!(forge.stop().status.success());
}
