//! Who goes first, and how long a request waits for its answer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use forge_tests::{Connection, Forge, Setup, until};

const M: [(&str, &str); 1] = [("model", "m")];

/// A model that takes so many milliseconds for each row.
fn slow(milliseconds: u32) -> Setup {
    let script = format!("sleep {milliseconds}");
    Setup::new().test_model("m", &script).with("max_batch_size = 1")
}

fn send(forge: &Forge, headers: &[(&str, &str)]) -> Connection {
    let mut connection = forge.connect();
    connection.request("POST", "/v1/m/predict", headers, b"{\"input\": [1]}");
    connection
}

/// Takes both places with the worker: what comes then waits in the queue.
fn keep_busy(forge: &Forge) -> [Connection; 2] {
    let busy = [send(forge, &[]), send(forge, &[])];
    until("two are with the worker", || forge.metric("forge_rows_total", &M) == 2.0);
    busy
}

/// Sends one request of each priority, which wait together, and tells in which order they are answered.
fn order_of(forge: &Forge, priorities: &[&'static str]) -> Vec<&'static str> {
    let busy = keep_busy(forge);
    let mut waiting = Vec::new();
    for priority in priorities {
        waiting.push((*priority, send(forge, &[("X-Forge-Priority", priority)])));
        let depth = waiting.len() as f64;
        until("it waits", || forge.metric("forge_queue_depth", &M) == depth);
    }
    let (answered, order) = mpsc::channel();
    thread::scope(|scope| {
        for (priority, mut connection) in waiting {
            let answered = answered.clone();
            scope.spawn(move || {
                assert_eq!(connection.response().status, 200);
                answered.send(priority).unwrap();
            });
        }
    });
    drop((busy, answered));
    order.iter().collect()
}

#[test]
fn a_higher_priority_is_answered_first_and_without_one_it_is_the_middle() {
    // Long enough that all wait before the first of them runs.
    let forge = slow(700).with("priority_max_wait_ms = 3_600_000").start();
    assert_eq!(order_of(&forge, &["9", "0", "6", "1"]), ["1", "0", "6", "9"]);
}

#[test]
fn where_nobody_may_wait_for_others_all_go_in_their_order() {
    let forge = slow(500).with("priority_max_wait_ms = 0").start();
    assert_eq!(order_of(&forge, &["9", "1", "5"]), ["9", "1", "5"]);
}

#[test]
fn a_low_priority_is_answered_though_higher_ones_keep_coming() {
    let forge = slow(20).with("priority_max_wait_ms = 200").start();
    let is_answered = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                while !is_answered.load(Ordering::Relaxed) {
                    let mut high = send(&forge, &[("X-Forge-Priority", "1")]);
                    assert_eq!(high.response().status, 200);
                }
            });
        }
        until("more come than can run", || forge.metric("forge_queue_depth", &M) >= 2.0);
        let low = send(&forge, &[("X-Forge-Priority", "10")]).response();
        is_answered.store(true, Ordering::Relaxed);
        assert_eq!(low.status, 200);
    });
}

#[test]
fn a_request_says_how_long_it_waits() {
    let forge = slow(2000).start();
    let busy = keep_busy(&forge);
    let late = send(&forge, &[("X-Forge-Timeout-Ms", "50")]).response();
    assert_eq!(late.status, 504, "{}", late.text());
    assert!(late.detail().contains("0.05s"), "{}", late.detail());
    let scrape = forge.scrape();
    assert_eq!(scrape.value("forge_queue_timeouts_total", &M), 1.0);
    assert_eq!(scrape.value("forge_queue_depth", &M), 0.0);
    assert_eq!(scrape.value("forge_rows_total", &M), 2.0, "it never ran");
    drop(busy);
}

#[test]
fn what_is_no_priority_is_refused() {
    let forge = Forge::serving("m", "echo");
    for header in ["X-Forge-Priority", "X-Forge-Timeout-Ms"] {
        let refused = send(&forge, &[(header, "soon")]).response();
        assert_eq!(refused.status, 422);
        let told = format!("the header {} is no whole number", header.to_lowercase());
        assert_eq!(refused.detail(), told);
    }
}
