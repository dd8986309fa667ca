//! `/predictions/{model}` and `/ping`, as TorchServe's clients ask.

use forge_tests::{Forge, Response, Setup, json};

fn ask(forge: &Forge, method: &str, path: &str, body: &str) -> Response {
    forge.ask(method, path, &[], body.as_bytes())
}

#[test]
fn the_output_comes_bare() {
    let forge = Setup::new().real_model("m", "double.pt").real_model("dict", "dict.pt").start();
    for (path, body, expected) in [
        ("/predictions/m", "[1, 2]", json!([2.0, 4.0])),
        ("/predictions/m", "1.5", json!(3.0)),
        ("/predictions/m", r#"{"input": [1, 2], "dtype": "int64"}"#, json!([2, 4])),
        ("/predictions/m", r#"{"inputs": {"x": [1]}}"#, json!([2.0])),
        ("/predictions/m/1", "[1]", json!([2.0])),
        ("/predictions/m/1.0", "[1]", json!([2.0])),
        ("/predictions/m", r#"{"instances": [[1], [2]]}"#, json!([[2.0], [4.0]])),
        ("/predictions/dict", "[1]", json!({"low": [0.5], "high": [2.0]})),
    ] {
        for method in ["POST", "PUT"] {
            let response = ask(&forge, method, path, body);
            assert_eq!(response.status, 200, "{path} {body}: {}", response.text());
            assert_eq!(response.json(), expected, "{method} {path} {body}");
        }
    }
}

#[test]
fn what_is_wrong_is_told_in_torchserves_form() {
    let forge = Setup::new().test_model("m", "echo").start();
    for (method, path, body, status, kind, word) in [
        ("POST", "/predictions/nobody", "[1]", 404, "ModelNotFoundException", "'nobody'"),
        ("POST", "/predictions/m/7", "[1]", 404, "ModelNotFoundException", "no version 7"),
        ("POST", "/predictions/m", "\u{89}PNG", 400, "BadRequestException", "malformed JSON"),
        ("GET", "/predictions/m", "", 405, "MethodNotAllowedException", "POST, PUT"),
    ] {
        let response = ask(&forge, method, path, body);
        assert_eq!(response.status, status, "{path}: {}", response.text());
        let told = response.json();
        assert_eq!((&told["code"], &told["type"]), (&json!(status), &json!(kind)), "{told}");
        assert!(told["message"].as_str().unwrap().contains(word), "{told}");
    }
}

#[test]
fn ping_tells_readiness() {
    let dir = forge_tests::TempDir::new();
    let begun = dir.path().join("go");
    let forge =
        Setup::new().test_model("m", &format!("load-after {}", begun.display())).start_loading();
    let ping = forge.get("/ping");
    assert_eq!((ping.status, ping.json()), (503, json!({"status": "Unhealthy"})));
    dir.write("go", "");
    forge.wait_until_ready();
    let ping = forge.get("/ping");
    assert_eq!((ping.status, ping.json()), (200, json!({"status": "Healthy"})));
}
