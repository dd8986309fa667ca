//! Bodies of predictions that come compressed, beside those of `/v2`.

use std::io::Write;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use forge_tests::{Forge, Response, Setup, json};

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn deflate(body: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn send(forge: &Forge, path: &str, encoding: &str, body: &[u8]) -> Response {
    forge.ask("POST", path, &[("Content-Encoding", encoding)], body)
}

#[test]
fn every_protocol_takes_gzip_and_deflate() {
    let forge = Forge::serving("m", "double");
    for (path, body, key, expected) in [
        ("/v1/m/predict", r#"{"input": [1, 2]}"#, "output", json!([2.0, 4.0])),
        ("/v1/models/m:predict", r#"{"instances": [1, 2]}"#, "predictions", json!([2.0, 4.0])),
        ("/predictions/m", r#"{"instances": [1, 2]}"#, "", json!([2.0, 4.0])),
    ] {
        for (encoding, body) in
            [("gzip", gzip(body.as_bytes())), ("deflate", deflate(body.as_bytes()))]
        {
            let answer = send(&forge, path, encoding, &body);
            assert_eq!(answer.status, 200, "{path} {encoding}: {}", answer.text());
            let json = answer.json();
            let output = if key.is_empty() { &json } else { &json[key] };
            assert_eq!(output, &expected, "{path} {encoding}");
        }
    }
}

#[test]
fn a_format_beside_json_may_be_compressed_too() {
    let forge = Forge::serving("m", "double");
    let elements: Vec<u8> = [1.0_f32; 1000].iter().flat_map(|one| one.to_le_bytes()).collect();
    let content_type = "application/octet-stream; dtype=float32; shape=1000";
    let headers = [("Content-Type", content_type), ("Content-Encoding", "gzip")];
    let answer = forge.ask("POST", "/v1/m/predict", &headers, &gzip(&elements));
    assert_eq!(answer.body, [2.0_f32; 1000].map(f32::to_le_bytes).concat());
}

#[test]
fn what_expands_too_far_or_is_not_what_it_says_is_refused() {
    let forge = Setup::new().server("max_body_bytes = 100000").test_model("m", "echo").start();
    let bomb = gzip(&vec![b' '; 50_000_000]);
    assert!(bomb.len() < 100_000);
    for (path, malformed, unknown) in [
        ("/v1/m/predict", 422, 415),
        ("/v1/models/m:predict", 400, 501),
        ("/predictions/m", 400, 415),
    ] {
        let too_large = send(&forge, path, "gzip", &bomb);
        assert_eq!(too_large.status, 413, "{path}: {}", too_large.text());
        let refused = send(&forge, path, "gzip", b"{}");
        assert_eq!(refused.status, malformed, "{path}: {}", refused.text());
        assert!(refused.text().contains("the body is not gzip"), "{}", refused.text());
        let refused = send(&forge, path, "br", b"{}");
        assert_eq!(refused.status, unknown, "{path}: {}", refused.text());
        assert_eq!(refused.header("accept-encoding"), Some("gzip, deflate"));
    }
    assert!(forge.process().own_memory() < 40_000_000);
    assert_eq!(forge.metric("forge_inflight_bytes", &[]), 0.0);
}
