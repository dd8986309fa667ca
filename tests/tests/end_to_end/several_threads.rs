//! A router on several threads, as it is on larger machines than those the tests run on.

use std::thread;

use forge_tests::{Forge, Setup, Signal, json, until};

const M: [(&str, &str); 1] = [("model", "m")];

/// Clients that each send this many numbers, one after the other, and check every answer.
fn every_answer_is_its_own(forge: &Forge, clients: u32, each: u32) {
    thread::scope(|scope| {
        for client in 0..clients {
            scope.spawn(move || {
                for number in 0..each {
                    let own = f64::from(client * each + number);
                    let answer = forge.predict("m", &json!({"input": [own, -own]}));
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    assert_eq!(answer.output()[0].as_f64(), Some(2.0 * own));
                    assert_eq!(answer.output()[1].as_f64(), Some(-2.0 * own));
                }
            });
        }
    });
}

fn on_four_threads(setup: Setup) -> Forge {
    setup.argument("--threads=4").start()
}

#[test]
fn every_user_gets_the_answer_to_their_own_request() {
    for line in ["batch_window_ms = 0", "batch_window_ms = 1"] {
        let forge =
            on_four_threads(Setup::new().test_model("m", "double").with("workers = 3").with(line));
        every_answer_is_its_own(&forge, 16, 50);
        let scrape = forge.scrape();
        let successes = [M[0], ("status", "success")];
        assert_eq!(scrape.value("forge_requests_total", &successes), 800.0);
        assert_eq!(scrape.value("forge_rows_total", &M), 800.0);
        assert_eq!(scrape.value("forge_queue_depth", &M), 0.0);
        assert_eq!(scrape.sum("forge_missed_wakes_total", &M), 0.0);
        until("all is given back", || forge.metric("forge_inflight_bytes", &[]) == 0.0);
    }
}

#[test]
fn workers_that_are_killed_under_load_leave_nobody_without_an_answer() {
    let forge = on_four_threads(Setup::new().test_model("m", "double").with("workers = 2"));
    thread::scope(|scope| {
        for client in 0..8_u32 {
            let forge = &forge;
            scope.spawn(move || {
                for number in 0..60_u32 {
                    let own = f64::from(client * 60 + number);
                    let answer = forge.predict("m", &json!({"input": [own]}));
                    match answer.status {
                        200 => assert_eq!(answer.output()[0].as_f64(), Some(2.0 * own)),
                        status => assert_eq!(status, 503, "{}", answer.text()),
                    }
                }
            });
        }
        for _ in 0..4 {
            until("a worker is there", || !forge.workers().is_empty());
            if let Some(worker) = forge.workers().first() {
                worker.signal(Signal::SIGKILL);
            }
        }
    });
    until("both serve again", || forge.metric("forge_workers", &[M[0], ("state", "ready")]) == 2.0);
    assert_eq!(forge.metric("forge_requests_in_flight", &M), 0.0);
}
