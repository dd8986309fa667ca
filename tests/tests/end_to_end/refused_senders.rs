//! Clients that are refused while they still send come to read why.

use forge_tests::{Connection, Forge, Setup, json, until};

const BODY: usize = 600_000;

/// Sends a head that announces a large body, all of the body, and only then looks for the answer.
fn send_all(forge: &Forge, model: &str) -> Connection {
    let mut connection = forge.connect();
    let body = vec![b' '; BODY];
    connection.request("POST", &format!("/v1/{model}/predict"), &[], &body);
    connection
}

#[test]
fn a_body_too_large_is_sent_to_its_end_and_the_413_is_read() {
    let forge = Setup::new().server("max_body_bytes = 1000").test_model("m", "echo").start();
    for _ in 0..5 {
        assert_eq!(send_all(&forge, "m").response().status, 413);
    }
}

#[test]
fn a_sender_that_finds_the_queue_full_reads_its_503() {
    let forge = Setup::new()
        .test_model("m", "sleep 2000")
        .with("max_batch_size = 1")
        .with("max_queue_depth = 1")
        .start();
    let send = |number: u8| forge.send_predict("m", &json!({"input": [number]}));
    let with_worker = || forge.metric("forge_rows_total", &[("model", "m")]);
    let running = send(0);
    until("one runs", || with_worker() == 1.0);
    let next = send(1);
    until("one waits in the ring", || with_worker() == 2.0);
    let queued = send(2);
    until("the queue is full", || forge.metric("forge_queue_depth", &[("model", "m")]) == 1.0);
    assert_eq!(send_all(&forge, "m").response().status, 503);
    drop((running, next, queued));
}

#[test]
fn a_sender_to_a_model_that_does_not_exist_reads_its_404() {
    let forge = Forge::serving("m", "echo");
    let mut connection = send_all(&forge, "nobody");
    assert_eq!(connection.response().status, 404);
    // All of the body was read, so the connection is still good.
    connection.request("GET", "/health/live", &[], b"");
    assert_eq!(connection.response().status, 200);
}

#[test]
fn a_sender_of_more_than_is_drained_is_told_that_the_connection_ends() {
    let forge = Setup::new().server("max_body_bytes = 1000").test_model("m", "echo").start();
    let mut connection = forge.connect();
    connection.head("POST", "/v1/m/predict", &[("Content-Length", "60000000")]).unwrap();
    let response = connection.response();
    assert_eq!((response.status, response.header("connection")), (413, Some("close")));
    connection.wait_for_end();
}

#[test]
fn whoever_asks_for_leave_is_answered_by_the_refusal() {
    let forge = Setup::new().server("max_body_bytes = 1000").test_model("m", "echo").start();
    let mut connection = forge.connect();
    let asks = [("Content-Length", "600000"), ("Expect", "100-continue")];
    connection.head("POST", "/v1/m/predict", &asks).unwrap();
    assert_eq!(connection.response().status, 413);
}

#[test]
fn whoever_asks_for_leave_gets_it() {
    let forge = Forge::serving("m", "double");
    let mut connection = forge.connect();
    let asks = [("Content-Length", "14"), ("Expect", "100-continue")];
    connection.head("POST", "/v1/m/predict", &asks).unwrap();
    assert_eq!(connection.response().status, 100);
    connection.send(b"{\"input\": [1]}").unwrap();
    assert_eq!(connection.response().output(), json!([2.0]));
}
