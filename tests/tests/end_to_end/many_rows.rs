//! Requests of several rows: they share batches with others, and are run in parts where they have more
//! rows than one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use forge_tests::{Chance, Connection, Forge, Response, Setup, Signal, json, until};
use serde_json::Value;

const M: [(&str, &str); 1] = [("model", "m")];
const INFER: &str = "/v2/models/m/infer";

fn small_batches(script: &str, max_batch_size: u32) -> Setup {
    Setup::new().test_model("m", script).with(&format!("max_batch_size = {max_batch_size}"))
}

/// A request of a row `[number, number]` for each number.
fn body_of(numbers: &[i32], parameters: &Value) -> Vec<u8> {
    let data: Vec<_> = numbers.iter().flat_map(|number| [number, number]).collect();
    let input = json!({"name": "x", "datatype": "FP32", "shape": [numbers.len(), 2], "data": data});
    json!({"inputs": [input], "parameters": parameters}).to_string().into_bytes()
}

fn infer(forge: &Forge, numbers: &[i32]) -> Response {
    forge.ask("POST", INFER, &[], &body_of(numbers, &json!({})))
}

fn send(forge: &Forge, numbers: &[i32], parameters: &Value) -> Connection {
    let mut connection = forge.connect();
    connection.request("POST", INFER, &[], &body_of(numbers, parameters));
    connection
}

fn assert_times(factor: i32, numbers: &[i32], response: &Response) {
    assert_eq!(response.status, 200, "{}", response.text());
    let output = response.json()["outputs"][0].clone();
    assert_eq!(output["shape"], json!([numbers.len(), 2]));
    let expected = numbers.iter().flat_map(|it| [it * factor, it * factor]).map(f64::from);
    assert_eq!(output["data"], json!(expected.collect::<Vec<_>>()));
}

#[test]
fn a_request_of_many_rows_is_answered_whole_and_counted_once() {
    let forge = small_batches("double", 4).start();
    let numbers: Vec<i32> = (0..11).collect();
    assert_times(2, &numbers, &infer(&forge, &numbers));
    let scrape = forge.scrape();
    assert_eq!(scrape.value("forge_batch_size_count", &M), 3.0);
    assert_eq!(scrape.value("forge_rows_total", &M), 11.0);
    assert_eq!(scrape.value("forge_requests_total", &[M[0], ("status", "success")]), 1.0);
    assert_eq!(scrape.value("forge_queue_wait_seconds_count", &M), 1.0);
    let stats = forge.get("/v2/models/m/stats").json()["model_stats"][0].clone();
    assert_eq!((&stats["inference_count"], &stats["execution_count"]), (&json!(11), &json!(3)));
    assert_eq!(stats["inference_stats"]["success"]["count"], json!(1));
}

#[test]
fn a_request_of_more_rows_than_a_frame_holds_is_run_in_parts() {
    // A row takes 8 bytes.
    let forge = small_batches("double", 32).with("frame_bytes = 64").start();
    let numbers: Vec<i32> = (0..50).collect();
    assert_times(2, &numbers, &infer(&forge, &numbers));
    assert_eq!(forge.metric("forge_batch_size_count", &M), 7.0);
}

#[test]
fn rows_of_several_requests_share_a_batch_and_a_request_waits_as_one() {
    let forge = small_batches("sleep 400", 4).start();
    let mut busy = [0, 1].map(|number| {
        let connection = send(&forge, &[number], &json!({}));
        until("it is with the worker", || {
            forge.metric("forge_batch_size_count", &M) == f64::from(number) + 1.0
        });
        connection
    });
    let requests = [&[2, 3, 4, 5, 6][..], &[7], &[8, 9]];
    let mut waiting = requests.map(|numbers| send(&forge, numbers, &json!({})));
    until("they wait", || forge.metric("forge_queue_depth", &M) == 3.0);
    assert!(busy.iter_mut().all(|connection| connection.response().status == 200));
    for (numbers, connection) in requests.iter().zip(&mut waiting) {
        assert_times(1, numbers, &connection.response());
    }
    // 2 to 5, then 6 to 9.
    let scrape = forge.scrape();
    assert_eq!(scrape.value("forge_batch_size_count", &M), 4.0);
    assert_eq!(scrape.value("forge_queue_depth", &M), 0.0);
}

#[test]
fn a_request_of_too_many_rows_for_the_devices_memory_is_halved() {
    let forge = small_batches("oom 3", 32).start();
    let numbers: Vec<i32> = (0..50).collect();
    assert_times(1, &numbers, &infer(&forge, &numbers));
}

#[test]
fn a_request_whose_answer_is_larger_than_a_frame_is_halved() {
    let forge = small_batches("big 3000", 32).with("frame_bytes = 8192").start();
    let response = infer(&forge, &[1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(response.json()["outputs"][0]["shape"][0], json!(7));
}

#[test]
fn a_part_that_fails_fails_the_request_and_the_others_do_not_run() {
    let forge = small_batches("throw", 2).start();
    let mut numbers = vec![1; 1000];
    numbers[1] = -1;
    let response = infer(&forge, &numbers);
    assert_eq!(response.status, 500, "{}", response.text());
    assert!(response.text().contains("a negative row"), "{}", response.text());
    assert_times(1, &[1, 2, 3], &infer(&forge, &[1, 2, 3]));
    let scrape = forge.scrape();
    assert_eq!(scrape.value("forge_queue_depth", &M), 0.0);
    assert!(scrape.value("forge_rows_total", &M) < 500.0);
    assert_eq!(scrape.value("forge_inflight_bytes", &[]), 0.0);
}

#[test]
fn a_request_one_of_whose_parts_ended_a_worker_is_refused_when_it_comes_again() {
    let forge = small_batches("crash", 2).start();
    let numbers = [1, 2, 3, 4, 666, 5, 6];
    let ends_workers = infer(&forge, &numbers);
    assert_eq!(ends_workers.status, 500, "{}", ends_workers.text());
    assert!(ends_workers.text().contains("ended the worker"), "{}", ends_workers.text());
    assert_times(1, &[1, 2, 3], &infer(&forge, &[1, 2, 3]));
    let restarts = || forge.metric("forge_worker_restarts_total", &M);
    let (before, rows) = (restarts(), forge.metric("forge_rows_total", &M));
    let refused = infer(&forge, &numbers);
    assert_eq!(refused.text(), ends_workers.text());
    assert_eq!((restarts(), forge.metric("forge_rows_total", &M)), (before, rows));
}

#[test]
fn a_deadline_ends_a_request_between_its_parts() {
    let forge = small_batches("sleep 100", 1).start();
    let response =
        send(&forge, &(0..100).collect::<Vec<_>>(), &json!({"timeout": 350_000})).response();
    assert_eq!(response.status, 504, "{}", response.text());
    assert!(response.text().contains("0.35s"), "{}", response.text());
    assert_eq!(infer(&forge, &[1]).status, 200);
    let scrape = forge.scrape();
    assert!(scrape.value("forge_rows_total", &M) < 50.0);
    assert_eq!(scrape.value("forge_queue_timeouts_total", &M), 1.0);
    assert_eq!(scrape.value("forge_queue_depth", &M), 0.0);
    until("its memory is given back", || forge.metric("forge_inflight_bytes", &[]) == 0.0);
}

#[test]
fn between_the_parts_of_a_large_request_a_higher_priority_goes_first() {
    let forge = small_batches("sleep 50", 1).start();
    let numbers: Vec<i32> = (0..60).collect();
    let mut large = send(&forge, &numbers, &json!({}));
    until("it runs", || forge.metric("forge_rows_total", &M) >= 2.0);
    let urgent = send(&forge, &[7], &json!({"priority": 1})).response();
    assert_times(1, &[7], &urgent);
    assert!(!large.has_answer());
    assert_times(1, &numbers, &large.response());
}

#[test]
fn requests_of_many_rows_are_answered_right_while_workers_are_killed() {
    let forge =
        small_batches("multiply 3", 8).with("workers = 2").with("restart_limit = 1000").start();
    let (killed, answered) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for client in 0..4 {
            let (forge, killed, answered) = (&forge, &killed, &answered);
            scope.spawn(move || {
                let mut chance = Chance::new();
                while killed.load(Ordering::Relaxed) < 40 {
                    let rows = 1 + chance.below(60) as i32;
                    let numbers: Vec<i32> = (0..rows).map(|row| client * 1000 + row).collect();
                    assert_times(3, &numbers, &infer(forge, &numbers));
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        while killed.load(Ordering::Relaxed) < 40 {
            let before = answered.load(Ordering::Relaxed);
            until("some are answered", || answered.load(Ordering::Relaxed) >= before + 2);
            let mut chance = Chance::new();
            let workers = forge.workers();
            if !workers.is_empty() && chance.one_of(&workers).try_signal(Signal::SIGKILL) {
                killed.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    assert_eq!(forge.metric("forge_queue_depth", &M), 0.0);
    until("all memory is given back", || forge.metric("forge_inflight_bytes", &[]) == 0.0);
}
