//! The bound on the memory of all requests in flight.

use std::io;
use std::iter::{once, repeat_n};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use bytes::Bytes;
use forge_tests::{Connection, Forge, Setup, json, until};

use super::http2_client::{Http2, pieces};

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
    let send = |forge: &Forge| send_ones(forge, 60, "uint8");
    a_crowd_stays_within_the_bound(300, READ_BUFFER, "sleep 1000", send);
}

#[test]
fn tensors_that_stay_in_the_pieces_in_which_they_came_are_bounded_by_what_they_hold() {
    a_crowd_stays_within_the_bound(300, IN_PIECES, "sleep 1000", |forge| send_bytes(forge, 20));
}

#[test]
fn answers_much_larger_than_their_requests_stay_within_the_bound_too() {
    // Two bytes of body become four of tensor, four of output, and four of text again.
    let send = |forge: &Forge| send_ones(forge, 16, "float32");
    a_crowd_stays_within_the_bound(8, READ_BUFFER, "echo", send);
}

#[test]
fn a_hundred_clients_of_http_2_stay_within_the_bound_too() {
    let send = |forge: &Forge| send_ones_over_http_2(forge, 60);
    a_crowd_stays_within_the_bound(100, WINDOW + FRAME, "sleep 1000", send);
}

/// What a connection may hold of a body that nobody has read, outside the bound.
const READ_BUFFER: usize = 32 * 1024;

/// The same of a body that stays in pieces: beside what is being read, a block that is being filled, and a hole between
/// the blocks of others.
const IN_PIECES: usize = 3 * READ_BUFFER;

/// The same over HTTP/2: what a client may send before any of it was read, and a frame that has not come whole, in
/// a buffer that grows by doubling.
const WINDOW: usize = 1024 * 1024;
const FRAME: usize = 2 * 128 * 1024;

/// Clients that send much, all at once, each over a connection that may hold `outside` bytes more.
fn a_crowd_stays_within_the_bound(
    clients: usize,
    outside: usize,
    script: &str,
    send: impl Fn(&Forge) -> io::Result<u16> + Sync,
) {
    const BOUND: usize = 200 * MEGABYTE;
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
                let answer = send(&forge);
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
    let allowed = (BOUND + clients * outside + 5 * MEGABYTE) as u64;
    assert!(highest <= allowed, "{highest} bytes are more than {allowed}");
    assert!(answered.into_inner() > 0, "nobody was told anything");
    assert_eq!(forge.predict("m", &json!({"input": [1]})).status, 200);
}

/// The status of the answer, or how the connection ended.
fn send_ones(forge: &Forge, megabytes: usize, dtype: &str) -> io::Result<u16> {
    let (start, end) = (format!("{{\"dtype\":\"{dtype}\",\"input\":["), "1]}");
    let chunk = "1,".repeat(MEGABYTE / 2);
    let path = ("/v1/m/predict", &[][..]);
    send(forge, path, &start, (chunk.as_bytes(), megabytes), end)
}

/// The same as bytes behind JSON.
fn send_bytes(forge: &Forge, megabytes: usize) -> io::Result<u16> {
    let length = megabytes * MEGABYTE;
    let json = json!({"inputs": [{"name": "x", "datatype": "UINT8", "shape": [1, length],
        "parameters": {"binary_data_size": length}}]});
    let json = json.to_string();
    let header = ("Inference-Header-Content-Length", json.len().to_string());
    let path = ("/v2/models/m/infer", &[(header.0, header.1.as_str())][..]);
    send(forge, path, &json, (&[1; MEGABYTE], megabytes), "")
}

/// Sends a body as long as nobody answers: its start, a chunk so many times, and its end.
fn send(
    forge: &Forge,
    (path, headers): (&str, &[(&str, &str)]),
    start: &str,
    (chunk, times): (&[u8], usize),
    end: &str,
) -> io::Result<u16> {
    let length = (start.len() + times * chunk.len() + end.len()).to_string();
    let mut connection: Connection = forge.connect();
    connection.head("POST", path, &[headers, &[("Content-Length", &length)]].concat())?;
    connection.send(start.as_bytes())?;
    for _ in 0..times {
        if connection.has_answer() {
            break;
        }
        connection.send(chunk)?;
    }
    connection.send(end.as_bytes())?;
    Ok(connection.try_response()?.status)
}

/// The same over HTTP/2, without telling how much will come.
fn send_ones_over_http_2(forge: &Forge, megabytes: usize) -> io::Result<u16> {
    let chunk = Bytes::from("1,".repeat(MEGABYTE / 2));
    let start = once(Bytes::from_static(b"{\"dtype\":\"uint8\",\"input\":["));
    let body = start.chain(repeat_n(chunk, megabytes)).chain(once(Bytes::from_static(b"1]}")));
    let mut client = Http2::connect(forge);
    let answer = client.try_begin("POST", "/v1/m/predict", "application/json", pieces(body));
    answer.map(|answer| answer.status().as_u16()).map_err(io::Error::other)
}
