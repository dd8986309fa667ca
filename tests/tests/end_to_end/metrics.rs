//! What can be scraped, and that it adds up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use forge_tests::{Forge, Scrape, Setup, json, until};

const M: [(&str, &str); 1] = [("model", "m")];
const OUTCOMES: [&str; 5] = ["success", "timeout", "error", "rejected", "cancelled"];

#[test]
fn every_series_of_a_model_is_there_at_zero_before_its_first_request() {
    let forge = Setup::new().test_model("m", "slow-load 1000").start_loading();
    let scrape = forge.scrape();
    let count = |name: &str, label: &str, values: &[&str]| {
        for value in values {
            assert_eq!(scrape.value(name, &[M[0], (label, value)]), 0.0, "{name} {value}");
        }
    };
    for name in [
        "forge_inference_latency_seconds_count",
        "forge_batch_size_count",
        "forge_queue_depth",
        "forge_queue_wait_seconds_count",
        "forge_queue_timeouts_total",
        "forge_model_swaps_total",
        "forge_model_swap_duration_seconds_count",
        "forge_requests_in_flight",
        "forge_rows_total",
        "forge_request_bytes_total",
        "forge_response_bytes_total",
        "forge_worker_restarts_total",
    ] {
        assert_eq!(scrape.value(name, &M), 0.0, "{name}");
    }
    count("forge_requests_total", "status", &["received"]);
    count("forge_requests_total", "status", &OUTCOMES);
    count("forge_phase_seconds_count", "phase", &["decode", "queue", "compute", "encode"]);
    count("forge_compute_seconds_count", "phase", &["input", "infer", "output"]);
    count("forge_missed_wakes_total", "side", &["router", "worker"]);
    count("forge_workers", "state", &["ready", "crashed", "retired", "draining"]);
}

#[test]
fn a_served_request_is_counted_in_every_phase() {
    let forge = Forge::serving("m", "double");
    let body = json!({"input": [1, 2]});
    let answer = forge.predict("m", &body);
    let scrape = forge.scrape();
    for (name, labels, value) in [
        ("forge_requests_total", vec![("status", "received")], 1.0),
        ("forge_requests_total", vec![("status", "success")], 1.0),
        ("forge_inference_latency_seconds_count", vec![], 1.0),
        ("forge_batch_size_count", vec![], 1.0),
        ("forge_batch_size_sum", vec![], 1.0),
        ("forge_queue_wait_seconds_count", vec![], 1.0),
        ("forge_rows_total", vec![], 1.0),
        ("forge_request_bytes_total", vec![], body.to_string().len() as f64),
        ("forge_response_bytes_total", vec![], answer.body.len() as f64),
        ("forge_phase_seconds_count", vec![("phase", "decode")], 1.0),
        ("forge_phase_seconds_count", vec![("phase", "queue")], 1.0),
        ("forge_phase_seconds_count", vec![("phase", "compute")], 1.0),
        ("forge_phase_seconds_count", vec![("phase", "encode")], 1.0),
        ("forge_compute_seconds_count", vec![("phase", "input")], 1.0),
        ("forge_compute_seconds_count", vec![("phase", "infer")], 1.0),
        ("forge_compute_seconds_count", vec![("phase", "output")], 1.0),
        ("forge_queue_depth", vec![], 0.0),
        ("forge_requests_in_flight", vec![], 0.0),
        ("forge_workers", vec![("state", "ready")], 1.0),
    ] {
        let labels: Vec<_> = M.into_iter().chain(labels).collect();
        assert_eq!(scrape.value(name, &labels), value, "{name} {labels:?}");
    }
}

#[test]
fn received_is_the_sum_of_the_outcomes_and_what_is_in_flight_at_any_moment() {
    let forge = Setup::new().test_model("m", "throw").with("max_queue_depth = 8").start();
    let loading = AtomicBool::new(true);
    thread::scope(|scope| {
        let load = scope.spawn(|| {
            mixed_load(&forge);
            loading.store(false, Ordering::Relaxed);
        });
        while loading.load(Ordering::Relaxed) && !load.is_finished() {
            assert_adds_up(&forge.scrape());
        }
    });
    until("nothing is in flight", || forge.metric("forge_requests_in_flight", &M) == 0.0);
    let scrape = forge.scrape();
    assert_adds_up(&scrape);
    assert_eq!(received(&scrape), 600.0);
    assert_eq!(scrape.value("forge_queue_depth", &M), 0.0);
    assert!(
        OUTCOMES[..3]
            .iter()
            .all(|outcome| *outcome == "timeout" || counted(&scrape, outcome) > 0.0)
    );
}

fn received(scrape: &Scrape) -> f64 {
    scrape.value("forge_requests_total", &[M[0], ("status", "received")])
}

/// Good requests, bad ones, ones that throw, and ones that nobody waits for.
fn mixed_load(forge: &Forge) {
    for round in 1..=10 {
        let sent: Vec<_> = (0..60)
            .map(|number| {
                let input = if number % 7 == 0 { json!([-1]) } else { json!([number, "x"]) };
                let input = if number % 3 == 0 { json!([number]) } else { input };
                forge.send_predict("m", &json!({"input": input}))
            })
            .collect();
        // Who hangs up before its request was read has sent none.
        until("all are received", || received(&forge.scrape()) == 60.0 * f64::from(round));
        for (number, mut connection) in sent.into_iter().enumerate() {
            if number % 5 > 0 {
                connection.response();
            }
        }
    }
}

fn counted(scrape: &Scrape, status: &str) -> f64 {
    scrape.value("forge_requests_total", &[M[0], ("status", status)])
}

fn assert_adds_up(scrape: &Scrape) {
    let outcomes: f64 = OUTCOMES.iter().map(|outcome| counted(scrape, outcome)).sum();
    let in_flight = scrape.value("forge_requests_in_flight", &M);
    assert_eq!(counted(scrape, "received"), outcomes + in_flight);
}

#[test]
fn the_queue_depth_falls_back_to_zero() {
    let forge = Setup::new().test_model("m", "sleep 50").with("max_batch_size = 2").start();
    let mut sent: Vec<_> =
        (0..20).map(|n| forge.send_predict("m", &json!({"input": [n]}))).collect();
    until("some wait", || forge.metric("forge_queue_depth", &M) > 0.0);
    sent.iter_mut().for_each(|connection| assert_eq!(connection.response().status, 200));
    assert_eq!(forge.metric("forge_queue_depth", &M), 0.0);
}

#[test]
fn no_label_comes_from_a_client() {
    let forge = Forge::serving("m", "echo");
    for model in ["nobody", "a,b", "%22"] {
        assert_eq!(forge.predict(model, &json!({"input": [1]})).status, 404);
    }
    forge.predict("m", &json!({"input": [1], "dtype": "made-up"}));
    let scrape = forge.scrape();
    assert_eq!(scrape.label_values("model"), ["m"]);
    assert_eq!(scrape.label_values("status").len(), 1 + OUTCOMES.len());
}

#[test]
fn latencies_are_told_per_request_from_a_tenth_of_a_millisecond_up() {
    let forge = Setup::new()
        .test_model("m", "echo")
        .with("max_batch_size = 3")
        .with("batch_window_ms = 20000")
        .start();
    let mut sent: Vec<_> =
        (0..3).map(|n| forge.send_predict("m", &json!({"input": [n]}))).collect();
    sent.iter_mut().for_each(|connection| assert_eq!(connection.response().status, 200));
    let scrape = forge.scrape();
    assert_eq!(scrape.value("forge_batch_size_count", &M), 1.0);
    assert_eq!(scrape.value("forge_inference_latency_seconds_count", &M), 3.0);
    assert!(scrape.has("forge_inference_latency_seconds_bucket", &[M[0], ("le", "0.0001")]));
    assert!(scrape.has("forge_inference_latency_seconds_bucket", &[M[0], ("le", "2.5")]));
}

#[test]
fn the_build_is_told_with_its_libtorch() {
    let forge = Setup::new().real_model("m", "double.pt").start();
    let scrape = forge.scrape();
    assert_eq!(scrape.value("forge_build_info", &[("version", env!("CARGO_PKG_VERSION"))]), 1.0);
    let libtorch = scrape.label_values("libtorch");
    assert!(libtorch.len() == 1 && libtorch[0].starts_with("2."), "{libtorch:?}");
}
