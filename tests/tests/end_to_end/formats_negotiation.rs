//! Which format an answer has.

use forge_tests::{Response, Setup, json};

/// What a model that returns a tuple of two, and one that returns a tensor, answer to this `Accept`.
fn answers(accept: &str) -> (Response, Response) {
    let forge = Setup::new().real_model("one", "double.pt").real_model("two", "pair.pt").start();
    let body = json!({"input": [1.0, 2.0]}).to_string();
    let ask = |model: &str| {
        let path = format!("/v1/{model}/predict");
        forge.ask("POST", &path, &[("Accept", accept)], body.as_bytes())
    };
    (ask("one"), ask("two"))
}

#[test]
fn the_format_that_a_client_would_have_first_is_the_answers_where_it_can_hold_it() {
    let (one, two) = answers("application/json;q=0.5, application/x-npy");
    assert_eq!(one.header("content-type"), Some("application/x-npy"));
    assert_eq!(two.header("content-type"), Some("application/json"));
}

#[test]
fn any_format_is_json_where_the_body_is() {
    for accept in ["*/*", "text/html, */*;q=0.1", "application/*"] {
        let (one, _) = answers(accept);
        assert_eq!(one.output(), json!([2.0, 4.0]), "{accept}");
    }
}

#[test]
fn an_answer_that_no_accepted_format_can_hold_is_refused_with_what_would() {
    let (one, two) = answers("application/x-npy");
    assert_eq!((one.status, two.status), (200, 406));
    assert!(two.detail().contains("application/x-npz"), "{}", two.detail());
    let (one, _) = answers("text/html");
    assert_eq!(one.status, 406);
    assert!(one.detail().contains("application/json"), "{}", one.detail());
}

#[test]
fn curls_and_browsers_default_types_are_json() {
    let forge = Setup::new().real_model("m", "double.pt").start();
    for content_type in
        ["application/x-www-form-urlencoded", "text/plain;charset=UTF-8", "application/json"]
    {
        let headers = [("Content-Type", content_type)];
        let answer = forge.ask("POST", "/v1/m/predict", &headers, b"{\"input\": [1]}");
        assert_eq!(answer.output(), json!([2.0]), "{content_type}");
    }
}

#[test]
fn the_document_names_the_formats() {
    let forge = Setup::of_config("configs/images.toml").start();
    let document = forge.get("/openapi.json").json();
    let entry = &document["paths"]["/v1/colors/predict"]["post"];
    let requests = &entry["requestBody"]["content"];
    let answers = &entry["responses"]["200"]["content"];
    for format in ["application/x-npy", "application/x-npz", "application/vnd.safetensors"] {
        assert!(requests[format].is_object() && answers[format].is_object(), "{format}");
    }
    assert!(requests["image/jpeg"].is_object() && answers["image/jpeg"].is_null());
}
