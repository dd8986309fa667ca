//! The bound on the memory of all requests in flight.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use forge_tests::{Connection, Forge, Setup, json, until};

const MEGABYTE: usize = 1_000_000;

/// One that holds a megabyte, of bodies not larger than half of that.
fn small() -> Setup {
    Setup::new().server("max_inflight_bytes = 1000000").server("max_body_bytes = 500000")
}

#[test]
fn tensors_that_grow_beyond_the_bound_are_refused() {
    let forge = small().test_model("m", "echo").start();
    // Two bytes of body become eight of tensor.
    let response = forge.predict("m", &json!({"input": vec![1; 200_000], "dtype": "float64"}));
    assert_eq!(response.status, 503, "{}", response.text());
    assert!(response.header("retry-after").is_some());
    assert!(response.detail().contains("memory"), "{}", response.detail());
    assert_eq!(forge.predict("m", &json!({"input": [1], "dtype": "float64"})).status, 200);
    let scrape = forge.scrape();
    let rejected = scrape.value("forge_requests_total", &[("model", "m"), ("status", "rejected")]);
    assert_eq!(rejected, 1.0);
    assert_eq!(scrape.value("forge_inflight_bytes", &[]), 0.0);
}

#[test]
fn the_bound_counts_what_all_models_hold() {
    let forge = small().test_model("slow", "sleep 2000").test_model("m", "echo").start();
    let held = forge.send_predict("slow", &json!({"input": vec![1; 90_000], "dtype": "float64"}));
    until("it is held", || forge.metric("forge_inflight_bytes", &[]) == 720_000.0);
    let body = json!({"input": vec![1; 150_000], "dtype": "uint8"});
    let response = forge.predict("m", &body);
    assert_eq!(response.status, 503, "{}", response.text());
    drop(held);
    // Its batch goes on, and what it was made of with it.
    until("it is given back", || forge.metric("forge_inflight_bytes", &[]) == 0.0);
    assert_eq!(forge.predict("m", &body).status, 200);
}

#[test]
fn a_bound_that_the_largest_body_could_never_meet_is_an_error() {
    let forge = Setup::new().server("max_inflight_bytes = 1000").test_model("m", "echo").spawn();
    let ended = forge.wait_until_ended();
    assert_eq!(ended.status.code(), Some(78));
    assert!(ended.log.contains("server.max_inflight_bytes"), "{}", ended.log);
}

#[test]
fn three_hundred_clients_of_a_busy_model_with_sixty_megabytes_each_stay_within_the_bound() {
    a_crowd_stays_within_the_bound(300, 60, "uint8", "sleep 1000");
}

#[test]
fn answers_much_larger_than_their_requests_stay_within_the_bound_too() {
    // Two bytes of body become four of tensor, four of output, and four of text again.
    a_crowd_stays_within_the_bound(8, 16, "float32", "echo");
}

/// Clients that send so many megabytes each, all at once.
fn a_crowd_stays_within_the_bound(clients: usize, megabytes: usize, dtype: &str, script: &str) {
    const BOUND: usize = 200 * MEGABYTE;
    /// What a connection may hold of a body that nobody has read, outside the bound.
    const READ_BUFFER: usize = 32 * 1024;
    let forge = Setup::new()
        .server(&format!("max_inflight_bytes = {BOUND}"))
        .test_model("m", script)
        .with("frame_bytes = 33554432")
        .with("max_batch_size = 1")
        .with("request_timeout_s = 5.0")
        .start();
    let (sending, answered) = (AtomicUsize::new(clients), AtomicUsize::new(0));
    let mut highest = 0;
    thread::scope(|scope| {
        for _ in 0..clients {
            scope.spawn(|| {
                // Whoever is cut off while still sending has met the bound as well.
                let answer = send_ones(&forge, megabytes, dtype);
                answered.fetch_add(usize::from(answer.is_ok()), Ordering::Relaxed);
                sending.fetch_sub(1, Ordering::Relaxed);
            });
        }
        until("all of them are through", || {
            highest = highest.max(forge.process().heap());
            sending.load(Ordering::Relaxed) == 0
        });
    });
    // The program's own pages are no part of it: they depend on how it was built.
    let allowed = (BOUND + clients * READ_BUFFER + 5 * MEGABYTE) as u64;
    assert!(highest <= allowed, "{highest} bytes are more than {allowed}");
    assert!(answered.into_inner() > 0, "nobody was told anything");
    assert_eq!(forge.predict("m", &json!({"input": [1]})).status, 200);
}

/// The status of the answer, or how the connection ended.
fn send_ones(forge: &Forge, megabytes: usize, dtype: &str) -> std::io::Result<u16> {
    let (start, end) = (format!("{{\"dtype\":\"{dtype}\",\"input\":["), "1]}");
    let chunk = "1,".repeat(MEGABYTE / 2);
    let length = start.len() + megabytes * chunk.len() + end.len();
    let mut connection: Connection = forge.connect();
    connection.head("POST", "/v1/m/predict", &[("Content-Length", &length.to_string())])?;
    connection.send(start.as_bytes())?;
    for _ in 0..megabytes {
        if connection.has_answer() {
            break;
        }
        connection.send(chunk.as_bytes())?;
    }
    connection.send(end.as_bytes())?;
    Ok(connection.try_response()?.status)
}
