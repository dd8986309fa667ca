//! A place of a model that no worker can come to any more, as the file has changed.

use std::fs;

use forge_tests::{Forge, Setup, Signal, TempDir, json, until};

use crate::shown::{assert_refused, done, model, worker, workers};
use crate::swaps::assert_swapped;

const CAUSE: &str = "file changed since version 1, swap to use it";

/// Two workers, of which the last has died for good. The file has its old bytes again.
fn with_a_dead_place() -> Forge {
    with_a_dead_place_of("multiply 2")
}

/// The same of a model that this script is.
fn with_a_dead_place_of(script: &str) -> Forge {
    let forge = Setup::new().test_model("m", script).with("workers = 2").start();
    let file = forge.directory().join("m.model");
    fs::write(&file, "multiply 7").unwrap();
    worker(&forge, "m", 1).signal(Signal::SIGKILL);
    until("it is degraded", || model(&forge, "m")["state"] == "degraded");
    assert!(model(&forge, "m")["cause"].as_str().unwrap().contains(CAUSE));
    fs::write(&file, script).unwrap();
    forge
}

fn assert_all_serve(forge: &Forge, size: usize) {
    assert_all_serve_as(forge, size, 2.0);
}

fn assert_all_serve_as(forge: &Forge, size: usize, answer_to_1: f64) {
    until("every worker is ready", || {
        let rows = workers(forge, "m");
        rows.len() == size && rows.iter().all(|row| row["state"] == "ready")
    });
    let shown = model(forge, "m");
    assert_eq!((&shown["state"], &shown["cause"]), (&json!("ready"), &json!(null)));
    assert_eq!(forge.get("/v1/models/m/ready").status, 200);
    assert_eq!(forge.predict("m", &json!({"input": [1]})).output(), json!([answer_to_1]));
}

#[test]
fn more_workers_beside_a_dead_place_are_refused_with_its_trouble_until_a_swap_heals_it() {
    let forge = with_a_dead_place();
    assert_refused(&forge.ctl(&["scale", "m", "3"]), 1, CAUSE);
    // The other one answers on.
    assert_eq!(forge.predict("m", &json!({"input": [1]})).output(), json!([2.0]));
    assert_swapped(&forge.swap("m", "m.model"));
    assert_all_serve(&forge, 2);
}

#[test]
fn a_dead_place_that_is_scaled_away_leaves_nothing_behind() {
    let forge = with_a_dead_place();
    done(&forge, &["scale", "m", "1"]);
    assert_all_serve(&forge, 1);
    done(&forge, &["scale", "m", "2"]);
    assert_all_serve(&forge, 2);
}

#[test]
fn requests_wait_for_a_worker_that_restarts_beside_a_place_in_trouble() {
    let directory = TempDir::new();
    let gate = directory.path().join("gate");
    fs::write(&gate, "").unwrap();
    let forge = with_a_dead_place_of(&format!("load-after {}", gate.display()));
    assert_eq!(forge.predict("m", &json!({"input": [1]})).output(), json!([1.0]));
    fs::remove_file(&gate).unwrap();
    worker(&forge, "m", 0).signal(Signal::SIGKILL);
    until("no worker is left", || workers(&forge, "m").iter().all(|row| row["state"] != "ready"));
    let mut waiting = forge.send_predict("m", &json!({"input": [3]}));
    until("it waits", || forge.metric("forge_queue_depth", &[("model", "m")]) == 1.0);
    fs::write(&gate, "").unwrap();
    assert_eq!(waiting.response().output(), json!([3.0]));
    assert_swapped(&forge.swap("m", "m.model"));
    assert_all_serve_as(&forge, 2, 1.0);
}
