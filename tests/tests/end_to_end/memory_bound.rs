//! The bound on the memory of all requests in flight.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use forge_tests::{Connection, Forge, Setup, json, until};

const MEGABYTE: usize = 1_000_000;

#[test]
fn a_body_beyond_the_bound_is_refused_and_a_smaller_one_is_not() {
    let forge = Setup::new().server("max_inflight_bytes = 100000").test_model("m", "echo").start();
    let response = forge.predict("m", &json!({"input": vec![1; 60_000]}));
    assert_eq!(response.status, 503);
    assert!(response.header("retry-after").is_some());
    assert!(response.detail().contains("max_inflight_bytes"), "{}", response.detail());
    assert_eq!(forge.predict("m", &json!({"input": vec![1; 1000]})).status, 200);
    let scrape = forge.scrape();
    assert_eq!(
        scrape.value("forge_requests_total", &[("model", "m"), ("status", "rejected")]),
        1.0
    );
    assert_eq!(scrape.value("forge_inflight_bytes", &[]), 0.0);
}

#[test]
fn tensors_that_grow_beyond_the_bound_are_refused_too() {
    // Two bytes of body become eight of tensor.
    let forge = Setup::new().server("max_inflight_bytes = 400000").test_model("m", "echo").start();
    let body = json!({"input": vec![1; 100_000], "dtype": "float64"});
    let response = forge.predict("m", &body);
    assert_eq!(response.status, 503, "{}", response.text());
    assert_eq!(forge.metric("forge_inflight_bytes", &[]), 0.0);
}

#[test]
fn the_bound_counts_what_all_models_hold() {
    let forge = Setup::new()
        .server("max_inflight_bytes = 1000000")
        .test_model("slow", "sleep 2000")
        .test_model("m", "echo")
        .start();
    let held = forge.send_predict("slow", &json!({"input": vec![1; 100_000], "dtype": "float64"}));
    until("it is held", || forge.metric("forge_inflight_bytes", &[]) >= 800_000.0);
    assert_eq!(forge.predict("m", &json!({"input": vec![1; 150_000]})).status, 503);
    drop(held);
    until("it is given back", || forge.metric("forge_inflight_bytes", &[]) == 0.0);
    assert_eq!(forge.predict("m", &json!({"input": vec![1; 150_000]})).status, 200);
}

#[test]
fn three_hundred_clients_with_sixty_megabytes_each_stay_within_the_bound() {
    const BOUND: usize = 200 * MEGABYTE;
    let forge = Setup::new()
        .server(&format!("max_inflight_bytes = {BOUND}"))
        .test_model("m", "sleep 1000")
        .with("frame_bytes = 33554432")
        .with("max_batch_size = 1")
        .with("request_timeout_s = 5.0")
        .start();
    let (running, answered) = (AtomicUsize::new(300), AtomicUsize::new(0));
    let mut highest = 0;
    thread::scope(|scope| {
        for _ in 0..300 {
            scope.spawn(|| {
                // Whoever is cut off while it sends has met a bound as well.
                let answer = send_sixty_megabytes(&forge);
                answered.fetch_add(usize::from(answer.is_ok()), Ordering::Relaxed);
                running.fetch_sub(1, Ordering::Relaxed);
            });
        }
        until("all of them are through", || {
            highest = highest.max(forge.process().own_memory());
            running.load(Ordering::Relaxed) == 0
        });
    });
    let allowed = (BOUND + 25 * MEGABYTE) as u64;
    assert!(highest <= allowed, "{highest} bytes are more than {allowed}");
    assert!(answered.into_inner() > 0, "nobody was told anything");
    assert_eq!(forge.predict("m", &json!({"input": [1]})).status, 200);
}

/// The status of the answer, or how the connection ended.
fn send_sixty_megabytes(forge: &Forge) -> std::io::Result<u16> {
    let (start, one, end) = ("{\"dtype\":\"uint8\",\"input\":[", "1,", "1]}");
    let chunk = one.repeat(MEGABYTE / 2);
    let length = start.len() + 60 * chunk.len() + end.len();
    let mut connection: Connection = forge.connect();
    connection.head("POST", "/v1/m/predict", &[("Content-Length", &length.to_string())])?;
    connection.send(start.as_bytes())?;
    for _ in 0..60 {
        if connection.has_answer() {
            break;
        }
        connection.send(chunk.as_bytes())?;
    }
    connection.send(end.as_bytes())?;
    Ok(connection.try_response()?.status)
}
