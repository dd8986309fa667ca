//! Clients that do not wait for their answer.

use forge_tests::{Connection, Forge, Setup, json, until};

const M: [(&str, &str); 1] = [("model", "m")];

fn cancelled(forge: &Forge) -> f64 {
    forge.metric("forge_requests_total", &[M[0], ("status", "cancelled")])
}

#[test]
fn a_hundred_queued_clients_that_hang_up_cost_the_worker_two_batches_at_most() {
    let forge = Setup::new().test_model("m", "sleep 1000").with("max_batch_size = 8").start();
    let sent: Vec<Connection> =
        (0..100).map(|number| forge.send_predict("m", &json!({"input": [number]}))).collect();
    until("all have been received", || {
        forge.metric("forge_requests_total", &[M[0], ("status", "received")]) == 100.0
    });
    drop(sent);
    until("all are counted as cancelled", || cancelled(&forge) == 100.0);
    assert_eq!(forge.metric("forge_queue_depth", &M), 0.0);
    // Behind whatever the worker was given, so that by now it has run all it will ever run.
    assert_eq!(forge.predict("m", &json!({"input": [7]})).output(), json!([7.0]));
    let scrape = forge.scrape();
    assert!(scrape.value("forge_batch_size_count", &M) <= 3.0);
    assert!(scrape.value("forge_rows_total", &M) <= 2.0 * 8.0 + 1.0);
    assert_eq!(scrape.value("forge_inflight_bytes", &[]), 0.0);
    forge.wait_for_log(&["status=499", "model=m"]);
}

#[test]
fn a_client_that_hangs_up_in_the_middle_of_its_body_is_counted() {
    let forge = Forge::serving("m", "echo");
    let mut connection = forge.connect();
    connection.head("POST", "/v1/m/predict", &[("Content-Length", "1000")]).unwrap();
    connection.send(b"{\"input\": [1").unwrap();
    until("it is being read", || forge.metric("forge_requests_in_flight", &M) == 1.0);
    drop(connection);
    until("it is counted as cancelled", || cancelled(&forge) == 1.0);
    assert_eq!(forge.metric("forge_inflight_bytes", &[]), 0.0);
}

#[test]
fn a_batch_with_one_client_gone_answers_the_others() {
    let forge = Setup::new().test_model("m", "sleep 300").with("batch_window_ms = 100").start();
    let mut sent: Vec<_> =
        (0..3).map(|n| forge.send_predict("m", &json!({"input": [n]}))).collect();
    until("they run", || forge.metric("forge_rows_total", &M) == 3.0);
    drop(sent.remove(1));
    assert_eq!(sent[0].response().output(), json!([0.0]));
    assert_eq!(sent[1].response().output(), json!([2.0]));
    until("one is counted as cancelled", || cancelled(&forge) == 1.0);
}

#[test]
fn a_client_that_does_not_read_its_answer_holds_up_nobody() {
    let forge = Setup::new().test_model("m", "echo").with("max_batch_size = 1").start();
    let large = vec![1; 1_000_000];
    let _deaf: Vec<_> = (0..4)
        .map(|_| forge.send_predict("m", &json!({"input": large, "dtype": "uint8"})))
        .collect();
    for number in 0..10 {
        assert_eq!(forge.predict("m", &json!({"input": [number]})).status, 200);
    }
}

#[test]
fn a_client_that_never_reads_its_answer_is_given_up_and_its_memory_given_back() {
    let forge = Setup::new().server("body_timeout_s = 0.5").test_model("m", "echo").start();
    let large = vec![1; 4_000_000];
    let deaf = forge.send_predict("m", &json!({"input": large, "dtype": "uint8"}));
    until("its answer waits", || {
        forge.metric("forge_requests_total", &[M[0], ("status", "success")]) == 1.0
    });
    until("it is given up", || forge.metric("forge_inflight_bytes", &[]) == 0.0);
    drop(deaf);
}
