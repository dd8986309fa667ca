//! `/predictions/{model}` and `/ping`, as TorchServe's clients ask.

use std::fs;

use forge_tests::{Forge, Response, Setup, checkout, json};

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
fn an_image_is_taken_whatever_it_is_called() {
    let forge = Setup::of_config("configs/images.toml").start();
    let photo = fs::read(checkout().join("tests/images/photo.jpg")).unwrap();
    let path = "/v1/colors/predict";
    let expected = forge.ask("POST", path, &[("Content-Type", "image/jpeg")], &photo).output();
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let octets = [("Content-Type", "application/octet-stream")];
    let jpeg = [("Content-Type", "image/jpeg")];
    // `curl -T` puts it without a type, `curl --data-binary` posts it as a form.
    for (method, headers) in [("PUT", &[][..]), ("POST", &form), ("POST", &octets), ("POST", &jpeg)]
    {
        let answer = forge.ask(method, "/predictions/colors", headers, &photo);
        assert_eq!(answer.status, 200, "{headers:?}: {}", answer.text());
        assert_eq!(answer.json(), expected, "{headers:?}");
    }
    let field =
        [&b"--cut\r\nContent-Disposition: form-data; name=\"data\"\r\n\r\n"[..], &photo[..]];
    let form = [field.concat(), b"\r\n--cut--\r\n".to_vec()].concat();
    let headers = [("Content-Type", "multipart/form-data; boundary=cut")];
    assert_eq!(forge.ask("POST", "/predictions/colors", &headers, &form).json(), expected);
    let refused = forge.ask("POST", "/predictions/colors", &headers, &form[..form.len() - 9]);
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert!(refused.json()["message"].to_string().contains("no form of one field"));
    let half = forge.ask("PUT", "/predictions/colors", &[], &photo[..photo.len() / 2]);
    assert_eq!((half.status, &half.json()["type"]), (400, &json!("BadRequestException")));
    let forge = Forge::serving("m", "echo");
    let refused = forge.ask("PUT", "/predictions/m", &[], &photo);
    assert_eq!((refused.status, &refused.json()["code"]), (415, &json!(415)));
    let told = refused.json()["message"].to_string();
    assert!(told.contains("[models.m.preprocess]"), "{told}");
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
