//! How a Forge ends.

use std::net::TcpStream;

use forge_tests::{Forge, Setup, Signal, TempDir, json, until};

use super::http2_client::{Http2, whole};

const M: [(&str, &str); 1] = [("model", "m")];

#[test]
fn what_was_admitted_is_answered_before_the_end() {
    let forge = Setup::new().test_model("m", "sleep 200").with("max_batch_size = 1").start();
    let address = forge.address();
    let mut sent: Vec<_> =
        (0..6).map(|n| forge.send_predict("m", &json!({"input": [n]}))).collect();
    until("all are in", || forge.metric("forge_requests_in_flight", &M) == 6.0);
    let ended = forge.stop();
    assert!(ended.status.success(), "{}", ended.log);
    for (number, connection) in (0_u8..).zip(&mut sent) {
        assert_eq!(connection.response().output(), json!([f64::from(number)]));
    }
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn during_the_grace_new_connections_are_answered_while_readiness_reads_503() {
    let forge = Setup::new().test_model("m", "double").shutdown_grace(3000.0).start();
    let mut kept = forge.connect();
    kept.request("GET", "/health/live", &[], b"");
    assert_eq!(kept.response().header("connection"), None);
    forge.process().signal(Signal::SIGTERM);
    until("readiness falls", || forge.get("/health/ready").status == 503);
    assert_eq!(forge.get("/health").json()["status"], "draining");
    for number in 1..20 {
        let answer = forge.predict("m", &json!({"input": [number]}));
        assert_eq!(answer.output(), json!([f64::from(number) * 2.0]));
    }
    // Whoever keeps a connection is told to take another one next time.
    kept.request("GET", "/health/live", &[], b"");
    assert_eq!(kept.response().header("connection"), Some("close"));
    kept.wait_for_end();
    forge.wait_for_log(&["draining", "answered for 3000s", "a second signal ends it at once"]);
    forge.process().signal(Signal::SIGTERM);
    assert!(forge.wait_until_ended().status.success());
}

#[test]
fn after_the_grace_new_predictions_read_503_while_an_admitted_one_is_answered() {
    let dir = TempDir::new();
    let gate = dir.path().join("gate");
    let script = format!("run-after {}", gate.display());
    let forge = Setup::new().test_model("m", &script).shutdown_grace(0.3).start();
    let mut admitted = forge.send_predict("m", &json!({"input": [1]}));
    until("it runs", || forge.metric("forge_rows_total", &M) == 1.0);
    forge.process().signal(Signal::SIGTERM);
    forge.wait_for_log(&["new predictions are refused"]);
    let refused = forge.predict("m", &json!({"input": [2]}));
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    assert!(refused.detail().contains("draining"), "{}", refused.detail());
    assert_eq!(forge.get("/health").json()["status"], "draining");
    assert_eq!(forge.get("/health/live").status, 200);
    assert!(!admitted.has_answer());
    dir.write("gate", "");
    assert_eq!(admitted.response().output(), json!([1.0]));
    assert!(forge.wait_until_ended().status.success());
}

#[test]
fn ctrl_c_ends_it_as_well() {
    let forge = Forge::serving("m", "echo");
    forge.process().signal(Signal::SIGINT);
    assert!(forge.wait_until_ended().status.success());
}

#[test]
fn a_connection_that_is_kept_alive_does_not_hold_up_the_end() {
    let forge = Forge::serving("m", "echo");
    let mut idle = forge.connect();
    idle.request("GET", "/health/live", &[], b"");
    assert_eq!(idle.response().status, 200);
    let silent = forge.connect();
    assert!(forge.stop().status.success());
    drop(silent);
    idle.wait_for_end();
}

#[test]
fn clients_that_are_frozen_do_not_hold_up_the_end() {
    const ELEMENT: &str = "application/octet-stream; dtype=uint8; shape=1";
    // No time-out of a connection is as short as the patience of these tests.
    let forge = Setup::new()
        .server("body_timeout_s = 3600.0")
        .server("header_timeout_s = 3600.0")
        .test_model("m", "big 20000000")
        .with("frame_bytes = 33554432")
        .with("request_timeout_s = 5.0")
        .start();
    let mut idle_of_2 = Http2::connect(&forge);
    assert_eq!(idle_of_2.ask("GET", "/health/live", "", whole("")).status, 200);
    let mut deaf_of_2 = Http2::connect(&forge);
    let unread = deaf_of_2.try_begin("POST", "/v1/m/predict", ELEMENT, whole("1")).unwrap();
    assert_eq!(unread.status(), 200);
    let mut deaf = forge.connect();
    deaf.request("POST", "/v1/m/predict", &[("Content-Type", ELEMENT)], b"1");
    let succeeded = [M[0], ("status", "success")];
    until("two answers wait", || forge.metric("forge_requests_total", &succeeded) == 2.0);
    let mut stopped = forge.connect();
    stopped.head("POST", "/v1/m/predict", &[("Content-Length", "100")]).unwrap();
    until("its body is waited for", || forge.metric("forge_requests_in_flight", &M) == 1.0);
    // Nobody drives the connections of HTTP/2 any more, nor reads from the others.
    let ended = forge.stop();
    assert!(ended.status.success(), "{}", ended.log);
    drop((idle_of_2, deaf_of_2, unread, deaf, stopped));
}

#[test]
fn it_ends_while_its_models_are_still_loading() {
    let forge = Setup::new().test_model("m", "slow-load 60000").start_loading();
    until("the worker loads", || forge.workers().len() == 1);
    assert!(forge.stop().status.success());
}

#[test]
fn it_ends_although_a_worker_hangs() {
    let forge = Setup::new()
        .test_model("m", "hang")
        .with("request_timeout_s = 0.3")
        .with("batch_timeout_s = 1.0")
        .start();
    assert_eq!(forge.predict("m", &json!({"input": [777]})).status, 504);
    assert!(forge.stop().status.success());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let forge = Setup::new().test_model("m", "hang always").start();
    let admitted = forge.send_predict("m", &json!({"input": [1]}));
    until("it runs", || forge.metric("forge_rows_total", &M) == 1.0);
    let workers = forge.workers();
    forge.process().signal(Signal::SIGTERM);
    until("it drains", || forge.get("/health/ready").status == 503);
    forge.process().signal(Signal::SIGTERM);
    assert!(forge.wait_until_ended().status.success());
    until("its worker is gone", || !workers.iter().any(forge_tests::Process::is_alive));
    drop(admitted);
}

#[test]
fn a_worker_that_hangs_without_a_client_does_not_hold_up_the_end() {
    let forge = Setup::new()
        .test_model("m", "hang always")
        .with("request_timeout_s = 0.2")
        .with("batch_timeout_s = 3000.0")
        .start();
    assert_eq!(forge.predict("m", &json!({"input": [1]})).status, 504);
    assert!(forge.stop().status.success());
}
