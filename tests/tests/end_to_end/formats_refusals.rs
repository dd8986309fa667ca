//! Bodies that are not what they say, or more than they may be.

use forge_tests::{Forge, Response, Setup};

fn post(forge: &Forge, content_type: &str, body: &[u8]) -> Response {
    forge.ask("POST", "/v1/m/predict", &[("Content-Type", content_type)], body)
}

#[test]
fn a_type_that_is_not_understood_is_refused_with_those_that_are() {
    let forge = Forge::serving("m", "echo");
    for content_type in ["text/csv", "image/webp", "video/mp4", "nonsense"] {
        let response = post(&forge, content_type, b"{\"input\": [1]}");
        assert_eq!(response.status, 415, "{content_type}");
        assert!(response.detail().contains("application/x-npy"), "{}", response.detail());
    }
    let response = post(&forge, "image/png", b"\x89PNG\r\n\x1a\n");
    assert_eq!(response.status, 415);
    assert!(response.detail().contains("[models.m.preprocess]"), "{}", response.detail());
}

#[test]
fn malformed_bodies_are_told_what_is_wrong() {
    let forge = Forge::serving("m", "echo");
    for (content_type, body, cause) in [
        ("application/x-npy", &b"no"[..], "malformed npy: it does not begin"),
        ("application/x-npz", b"PK\x03\x04", "malformed npz"),
        (
            "application/vnd.safetensors",
            b"\xff\xff\xff\xff\xff\xff\xff\xff",
            "malformed safetensors",
        ),
        ("application/octet-stream", b"1234", "X-Forge-Dtype"),
        ("application/octet-stream; dtype=float32", b"1234", "X-Forge-Shape"),
        ("application/octet-stream; dtype=float32; shape=2", b"1234", "the body has 4 bytes"),
        ("application/octet-stream; dtype=f4; shape=1", b"1234", "there is no dtype \"f4\""),
        ("application/octet-stream; dtype=bool; shape=1", b"\x02", "neither 0 nor 1"),
    ] {
        let response = post(&forge, content_type, body);
        assert_eq!(response.status, 422, "{content_type}");
        assert!(response.detail().contains(cause), "{}", response.detail());
    }
    assert_eq!(forge.metric("forge_inflight_bytes", &[]), 0.0);
}

#[test]
fn a_tensor_without_a_name_is_refused_where_the_model_takes_several() {
    let forge = Setup::new().real_model("m", "add.pt").start();
    let response = post(&forge, "application/octet-stream; dtype=uint8; shape=1", b"1");
    assert_eq!(response.status, 422);
    assert!(response.detail().contains("the model takes x, y"), "{}", response.detail());
}

#[test]
fn rows_are_refused_where_there_are_none() {
    let forge = Setup::new().test_model("m", "echo").with("batching = false").start();
    let batch = ("X-Forge-Batch", "true");
    let response = forge.ask("POST", "/v1/m/predict", &[batch], b"{\"input\": [[1]]}");
    assert_eq!(response.status, 422);
    assert!(response.detail().contains("batching = false"), "{}", response.detail());
}

#[test]
fn what_is_declared_holds_for_every_format() {
    let forge =
        Setup::new().test_model("m", "echo").with_inputs(&[("x", "float32", "[2]")]).start();
    let response = post(&forge, "application/octet-stream; dtype=float32; shape=1", b"1234");
    assert_eq!(response.status, 422);
    assert!(response.detail().contains("has shape [1], expected [2]"), "{}", response.detail());
}

#[test]
fn a_body_in_a_binary_format_for_which_there_is_no_memory_is_refused_for_now() {
    let forge = Setup::new()
        .server("max_inflight_bytes = 1000000")
        .server("max_body_bytes = 700000")
        .test_model("m", "echo")
        .start();
    let response =
        post(&forge, "application/octet-stream; dtype=uint8; shape=600000", &vec![1; 600_000]);
    assert_eq!(response.status, 503, "{}", response.text());
    assert!(response.detail().contains("memory"), "{}", response.detail());
    assert_eq!(forge.metric("forge_inflight_bytes", &[]), 0.0);
}
