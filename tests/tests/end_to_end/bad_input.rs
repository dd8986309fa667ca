//! What bad input gets: a clear message, and nothing else is disturbed.

use forge_tests::{Forge, Setup, json};

/// A body, and a part of what its sender is told.
fn refused(forge: &Forge, body: &str, word: &str) {
    let response = forge.predict_text("m", body);
    let shown: String = body.chars().take(80).collect();
    assert_eq!(response.status, 422, "{shown}: {}", response.text());
    let detail = response.detail();
    assert!(detail.to_lowercase().contains(word), "{shown}: {detail:?} does not say {word:?}");
}

#[test]
fn what_is_no_json_is_refused() {
    let forge = Forge::serving("m", "echo");
    for body in [
        "",
        "   ",
        "input",
        "{\"input\": [1, 2",
        "{\"input\": [1,]}",
        "{\"input\": [1 2]}",
        "{\"input\": [1]} x",
        "{\"input\": [1]}{\"input\": [1]}",
        "{\"input\": [01]}",
        "{\"input\": [1.]}",
        "{\"input\": [+1]}",
        "{\"input\": [0x10]}",
        "{'input': [1]}",
    ] {
        refused(&forge, body, "");
    }
    assert_eq!(forge.predict("m", &json!({"input": [1]})).output(), json!([1.0]));
}

#[test]
fn a_head_that_is_no_http_is_refused_in_words() {
    let forge = Forge::serving("m", "echo");
    let head =
        |more: &str| format!("POST /v2/models/m/infer HTTP/1.1\r\nHost: f\r\n{more}\r\n\r\n");
    let large = format!("X-Large: {}", "x".repeat(70_000));
    for (head, status, word) in [
        (head("Content-Length: many"), 400, "not HTTP"),
        (head("no header"), 400, "not HTTP"),
        ("what is this\r\n\r\n".to_owned(), 400, "not HTTP"),
        (head(&large), 431, "too large"),
    ] {
        let mut connection = forge.connect();
        // The server may have answered and hung up before all of it is sent.
        drop(connection.send(head.as_bytes()));
        let refusal = connection.response();
        assert_eq!(refusal.status, status, "{}", refusal.text());
        assert!(refusal.error().contains(word), "{}", refusal.text());
        assert_eq!(refusal.detail(), refusal.error());
    }
    assert_eq!(forge.predict("m", &json!({"input": [1]})).output(), json!([1.0]));
}

#[test]
fn json_that_is_no_request_is_refused() {
    let forge = Forge::serving("m", "echo");
    for (body, word) in [
        ("[1, 2]", ""),
        ("{}", "input"),
        ("{\"inputs\": [1]}", "inputs"),
        ("{\"input\": null}", ""),
        ("{\"input\": \"text\"}", ""),
        ("{\"input\": {\"x\": 1}}", ""),
        ("{\"input\": [1, \"two\"]}", ""),
        ("{\"input\": [1, null]}", ""),
        ("{\"input\": [1], \"dtype\": 3}", "dtype"),
        ("{\"input\": [1], \"input\": [2]}", "input"),
    ] {
        refused(&forge, body, word);
    }
}

#[test]
fn ragged_nesting_is_refused() {
    let forge = Forge::serving("m", "echo");
    for body in ["[[1, 2], [3]]", "[[1], 2]", "[1, [2]]", "[[], [1]]", "[[[1], [2]], [[3]]]"] {
        refused(&forge, &format!("{{\"input\": {body}}}"), "expected");
    }
}

#[test]
fn nesting_that_is_too_deep_is_refused_before_it_costs_anything() {
    let forge = Forge::serving("m", "echo");
    for depth in [9, 100, 1_000_000] {
        let nested = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        refused(&forge, &format!("{{\"input\": {nested}}}"), "deep");
        refused(&forge, &format!("{{\"input\": [1], \"other\": {{\"a\": {nested}").repeat(1), "");
    }
    let open = "[".repeat(1_000_000);
    refused(&forge, &format!("{{\"input\": {open}"), "deep");
    assert_eq!(forge.predict("m", &json!({"input": [[[[[[[1]]]]]]]})).status, 200);
}

#[test]
fn a_declared_model_refuses_other_shapes_and_dtypes() {
    let forge =
        Setup::new().test_model("m", "echo").with_inputs(&[("x", "float32", "[2, -1]")]).start();
    for (body, word) in [
        (json!({"input": [1, 2]}), "shape"),
        (json!({"input": [[1], [2], [3]]}), "[2, -1]"),
        (json!({"input": [[1], [2]], "dtype": "float64"}), "float32"),
    ] {
        refused(&forge, &body.to_string(), word);
    }
    for input in [json!([[1.0], [2.0]]), json!([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])] {
        assert_eq!(forge.predict("m", &json!({"input": input})).output(), input);
    }
}

#[test]
fn a_body_that_is_too_large_is_refused_however_it_is_sent() {
    let forge = Setup::new().server("max_body_bytes = 1000").test_model("m", "echo").start();
    let body = json!({"input": vec![1; 1000]}).to_string();
    let response = forge.predict_text("m", &body);
    assert_eq!(response.status, 413);
    assert!(response.detail().contains("1000"), "{}", response.detail());

    let mut connection = forge.connect();
    connection.head("POST", "/v1/m/predict", &[("Transfer-Encoding", "chunked")]).unwrap();
    connection.send(format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len()).as_bytes()).unwrap();
    assert_eq!(connection.response().status, 413);
    assert_eq!(forge.predict("m", &json!({"input": [1]})).status, 200);
}

#[test]
fn a_row_that_no_frame_holds_is_refused_with_the_key_to_raise() {
    let forge = Setup::new().test_model("m", "echo").with("frame_bytes = 4096").start();
    let response = forge.predict("m", &json!({"input": vec![1; 2000]}));
    assert_eq!(response.status, 413);
    assert!(response.detail().contains("frame_bytes"), "{}", response.detail());
    assert_eq!(forge.predict("m", &json!({"input": vec![1; 1000]})).status, 200);
}

#[test]
fn an_output_that_no_frame_holds_is_told_with_the_key_to_raise() {
    let forge = Setup::new().test_model("m", "big 100000").with("frame_bytes = 65536").start();
    let response = forge.predict("m", &json!({"input": [1]}));
    assert_eq!(response.status, 500);
    assert!(response.detail().contains("frame_bytes"), "{}", response.detail());
}

#[test]
fn what_is_no_http_ends_the_connection_and_nothing_else() {
    let forge = Forge::serving("m", "echo");
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"hello\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
    ] {
        let mut connection = forge.connect();
        connection.send(bytes).unwrap();
        connection.wait_for_end();
    }
    assert_eq!(forge.predict("m", &json!({"input": [1]})).status, 200);
}
