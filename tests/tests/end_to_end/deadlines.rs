//! Deadlines fire by a timer, wherever the request is.

use forge_tests::{Forge, Setup, json, until};

const M: [(&str, &str); 1] = [("model", "m")];

fn slow() -> Forge {
    Setup::new()
        .test_model("m", "sleep 3000")
        .with("max_batch_size = 1")
        .with("request_timeout_s = 0.3")
        .start()
}

#[test]
fn a_deadline_fires_while_the_batch_runs() {
    let forge = slow();
    let response = forge.predict("m", &json!({"input": [1]}));
    assert_eq!(response.status, 504, "{}", response.text());
    assert!(response.detail().contains("0.3s"), "{}", response.detail());
    // The batch it was in has not come back yet.
    let compute = [M[0], ("phase", "compute")];
    let scrape = forge.scrape();
    assert_eq!(scrape.value("forge_phase_seconds_count", &compute), 0.0);
    assert_eq!(scrape.value("forge_rows_total", &M), 1.0);
    let timeouts = scrape.value("forge_requests_total", &[M[0], ("status", "timeout")]);
    assert_eq!(timeouts, 1.0);
    assert_eq!(scrape.value("forge_queue_timeouts_total", &M), 0.0, "it did not wait in the queue");
}

#[test]
fn a_deadline_fires_in_the_queue_and_the_row_never_runs() {
    let forge = slow();
    let mut sent: Vec<_> =
        (0..5).map(|n| forge.send_predict("m", &json!({"input": [n]}))).collect();
    for connection in &mut sent {
        assert_eq!(connection.response().status, 504);
    }
    let scrape = forge.scrape();
    // One runs, one waits in the ring; the other three were still in the queue.
    assert_eq!(scrape.value("forge_rows_total", &M), 2.0);
    assert_eq!(scrape.value("forge_queue_depth", &M), 0.0);
    assert_eq!(scrape.value("forge_queue_timeouts_total", &M), 3.0);
}

#[test]
fn the_id_in_the_message_is_the_requests() {
    let forge = slow();
    let id = [("X-Request-ID", "late-1")];
    let response = forge.ask("POST", "/v1/m/predict", &id, b"{\"input\": [1]}");
    assert_eq!((response.status, response.detail().contains("late-1")), (504, true));
    forge.wait_for_log(&["late-1", "status=504", "model=m"]);
}

#[test]
fn a_model_that_was_too_slow_once_answers_the_next_in_time() {
    let forge = Setup::new()
        .test_model("m", "sleep 600")
        .with("request_timeout_s = 1.0")
        .with("max_batch_size = 1")
        .start();
    let mut sent: Vec<_> =
        (0..3).map(|n| forge.send_predict("m", &json!({"input": [n]}))).collect();
    let statuses: Vec<u16> =
        sent.iter_mut().map(|connection| connection.response().status).collect();
    assert!(statuses.contains(&200) && statuses.contains(&504), "{statuses:?}");
    until("it answers again", || forge.predict("m", &json!({"input": [4]})).status == 200);
}

#[test]
fn a_deadline_fires_while_a_large_body_is_decoded() {
    let forge = Setup::new().test_model("m", "echo").with("request_timeout_s = 0.01").start();
    // Far more numbers than ten milliseconds decode.
    let body = json!({"input": vec![0.123_456_789; 2_000_000]});
    assert_eq!(forge.predict("m", &body).status, 504);
    until("its memory is given back", || forge.metric("forge_inflight_bytes", &[]) == 0.0);
}
