//! Clients that send slowly, or nothing at all.

use forge_tests::{Forge, Setup, json, until};

/// One that waits a third of a second for who is slow.
pub(crate) fn impatient() -> Forge {
    Setup::new()
        .server("header_timeout_s = 0.3")
        .server("body_timeout_s = 0.3")
        .test_model("m", "echo")
        .start()
}

#[test]
fn a_head_that_does_not_come_to_its_end_is_given_up() {
    let forge = impatient();
    for start in ["", "POST", "POST /v1/m/predict HTTP/1.1\r\nHost: forge\r\n"] {
        let mut connection = forge.connect();
        connection.send(start.as_bytes()).unwrap();
        connection.wait_for_end();
    }
    assert_eq!(forge.predict("m", &json!({"input": [1]})).status, 200);
}

#[test]
fn a_body_that_stops_is_given_up_with_a_word() {
    let forge = impatient();
    let mut connection = forge.connect();
    connection.head("POST", "/v1/m/predict", &[("Content-Length", "100")]).unwrap();
    connection.send(b"{\"input\": [1").unwrap();
    let response = connection.response();
    assert_eq!(response.status, 408);
    assert!(response.detail().contains("slowly"), "{}", response.detail());
    connection.wait_for_end();
    let errors = [("model", "m"), ("status", "error")];
    until("it is counted", || forge.metric("forge_requests_total", &errors) == 1.0);
}

#[test]
fn a_body_that_trickles_is_given_up_too() {
    let forge = impatient();
    let mut connection = forge.connect();
    connection.head("POST", "/v1/m/predict", &[("Content-Length", "1000000")]).unwrap();
    // Every byte is in time, and all of them would take forever.
    until("it is answered or cut off", || {
        connection.send(b" ").is_err() || connection.has_answer()
    });
    assert_eq!(connection.response().status, 408);
}

#[test]
fn a_body_that_comes_in_pieces_is_read() {
    let forge = Forge::serving("m", "double");
    let mut connection = forge.connect();
    let body = json!({"input": [1, 2, 3]}).to_string();
    let length = body.len().to_string();
    connection.head("POST", "/v1/m/predict", &[("Content-Length", &length)]).unwrap();
    for byte in body.as_bytes() {
        connection.send(&[*byte]).unwrap();
    }
    assert_eq!(connection.response().output(), json!([2.0, 4.0, 6.0]));
}

#[test]
fn those_who_announce_much_and_send_nothing_keep_nobody_out() {
    let forge = Setup::new()
        .server("max_inflight_bytes = 10000000")
        .server("max_body_bytes = 8000000")
        .test_model("m", "echo")
        .start();
    let announce = |start: &[u8]| {
        let mut connection = forge.connect();
        connection.head("POST", "/v1/m/predict", &[("Content-Length", "7000000")]).unwrap();
        connection.send(start).unwrap();
        connection
    };
    let idle: Vec<_> = (0..20).map(|_| announce(b" ")).collect();
    let received = [("model", "m"), ("status", "received")];
    until("all have begun", || {
        let scrape = forge.scrape();
        let held = scrape.value("forge_inflight_bytes", &[]);
        scrape.value("forge_requests_total", &received) == 20.0 && held >= 20.0 * 65_536.0
    });
    let large = json!({"input": vec![1; 1_000_000], "dtype": "uint8"});
    assert_eq!(forge.predict("m", &large).status, 200);
    // Who goes on sending holds what it has sent, and no more than as much again.
    let sender = announce(&vec![b' '; 1_000_000]);
    until("its bytes are held", || {
        forge.metric("forge_inflight_bytes", &[]) >= 20.0 * 65_536.0 + 1_000_000.0
    });
    assert!(forge.metric("forge_inflight_bytes", &[]) <= 20.0 * 65_536.0 + 2_100_000.0);
    drop((idle, sender));
    until("it is given back", || forge.metric("forge_inflight_bytes", &[]) == 0.0);
}

#[test]
fn an_idle_connection_is_closed_in_the_end() {
    let forge = impatient();
    let mut connection = forge.connect();
    connection.request("GET", "/health/live", &[], b"");
    assert_eq!(connection.response().status, 200);
    connection.wait_for_end();
}

#[test]
fn a_router_out_of_descriptors_waits_and_then_accepts_again() {
    let forge = Setup::new().open_files(64).test_model("m", "echo").start();
    let mut served = forge.connect();
    let crowd: Vec<_> = (0..100).map(|_| forge.connect()).collect();
    forge.wait_for_log(&["cannot accept connections"]);
    let before = forge.process().cpu_time();
    let mut late = forge.connect();
    late.request("GET", "/health/live", &[], b"");
    for _ in 0..20 {
        served.request("POST", "/v1/m/predict", &[], b"{\"input\": [1]}");
        assert_eq!(served.response().status, 200);
    }
    assert!(!late.has_answer());
    drop(crowd);
    assert_eq!(late.response().status, 200);
    // A loop around the failing accept would have taken all the time there was.
    let spent = forge.process().cpu_time() - before;
    assert!(spent.as_secs_f64() < 1.0, "{spent:?}");
    assert_eq!(forge.log().matches("cannot accept connections").count(), 1);
}

#[test]
fn the_limit_of_open_files_is_raised() {
    let forge = Forge::serving("m", "echo");
    let limits =
        std::fs::read_to_string(format!("/proc/{}/limits", forge.process().pid())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let numbers: Vec<&str> =
        line.split_whitespace().filter(|word| word.parse::<u64>().is_ok()).collect();
    assert_eq!(numbers[0], numbers[1]);
}
