//! The name of a request, in its answer and its header.

use forge_tests::{Forge, Response};

fn with_id(forge: &Forge, id: &str) -> Response {
    forge.ask("POST", "/v1/m/predict", &[("X-Request-ID", id)], b"{\"input\": [1]}")
}

#[test]
fn a_clients_id_comes_back_in_the_answer_and_its_header() {
    let forge = Forge::serving("m", "echo");
    let longest = "x".repeat(128);
    for id in ["a", "req-42/7:{z}~\"\\", longest.as_str()] {
        let response = with_id(&forge, id);
        assert_eq!(response.header("x-request-id"), Some(id));
        assert_eq!(response.json()["request_id"], id);
    }
}

#[test]
fn an_id_that_cannot_be_used_is_replaced() {
    let forge = Forge::serving("m", "echo");
    let too_long = "x".repeat(129);
    for id in ["", "two words", "caf\u{e9}", too_long.as_str()] {
        let response = with_id(&forge, id);
        assert_eq!(response.status, 200, "{}", response.text());
        let own = response.header("x-request-id").unwrap().to_owned();
        assert_ne!(own, id);
        assert!(!own.is_empty());
        assert_eq!(response.json()["request_id"], own.as_str());
    }
}

#[test]
fn requests_without_an_id_get_different_ones() {
    let forge = Forge::serving("m", "echo");
    let id = || forge.get("/health/live").header("x-request-id").unwrap().to_owned();
    assert_ne!(id(), id());
}

#[test]
fn refusals_carry_the_id_and_so_does_their_line_in_the_log() {
    let forge = Forge::serving("m", "throw always");
    let id = [("X-Request-ID", "culprit-1")];
    for (path, body, status) in
        [("/v1/nobody/predict", "{}", 404), ("/v1/m/predict", "{\"input\": [1]}", 500)]
    {
        let response = forge.ask("POST", path, &id, body.as_bytes());
        assert_eq!((response.status, response.header("x-request-id")), (status, Some("culprit-1")));
    }
    forge.wait_for_log(&["culprit-1", "model=m", "status=500", "a negative row"]);
    forge.wait_for_log(&["culprit-1", "status=404", "nobody"]);
}
