//! A worker's memory does not grow with the number of shapes it has seen.

use std::thread;

use forge_tests::{Forge, Setup, json};

const REQUESTS: usize = 20_000;
const LENGTHS: usize = 500;
const CLIENTS: usize = 4;

#[test]
fn twenty_thousand_requests_of_five_hundred_lengths_leave_no_memory_behind() {
    let forge = Setup::new().real_model("m", "lengths.pt").with("num_threads = 1").start();
    let quarter = REQUESTS / 4;
    let measured: Vec<u64> = (0..4)
        .map(|part| {
            ask(&forge, part * quarter..(part + 1) * quarter);
            forge.workers()[0].own_memory()
        })
        .collect();
    let (first, last) = (measured[0] as f64, measured[3] as f64);
    assert!(last <= first * 1.05, "bytes after each quarter: {measured:?}");
    let answered = [("model", "m"), ("status", "success")];
    assert_eq!(forge.metric("forge_requests_total", &answered), REQUESTS as f64);
}

/// Each request has another length than the one before it; every length comes equally often.
fn ask(forge: &Forge, requests: std::ops::Range<usize>) {
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let mine = requests.clone().filter(move |request| request % CLIENTS == client);
            scope.spawn(move || {
                let mut connection = forge.connect();
                for request in mine {
                    let length = request * 7 % LENGTHS + 1;
                    let body = json!({"input": vec![1; length], "dtype": "int64"}).to_string();
                    connection.request("POST", "/v1/m/predict", &[], body.as_bytes());
                    assert_eq!(connection.response().status, 200, "length {length}");
                }
            });
        }
    });
}
