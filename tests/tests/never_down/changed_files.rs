//! A version is its file's content: what becomes of the path concerns nobody, and other bytes are never
//! served unasked.

use std::fs;
use std::path::{Path, PathBuf};

use forge_tests::{Forge, Load, Setup, Signal, TempDir, json, until};

use crate::swaps::assert_swapped;

const M: [(&str, &str); 1] = [("model", "m")];

/// `m`, which doubles, beside `other`, and the file of `m`.
fn forge_and_file() -> (Forge, PathBuf) {
    let forge =
        Setup::new().test_model("m", "multiply 2").test_model("other", "multiply 5").start();
    let file = forge.directory().join("m.model");
    (forge, file)
}

fn kill_all(forge: &Forge) {
    let workers = forge.workers();
    for worker in &workers {
        worker.signal(Signal::SIGKILL);
    }
    until("they are gone", || !workers.iter().any(forge_tests::Process::is_alive));
}

fn comes_back_with_the_same_bytes(change: impl Fn(&Path)) {
    let (forge, file) = forge_and_file();
    let load = Load::on(&forge).start();
    change(&file);
    for _ in 0..3 {
        load.wait_for(5);
        kill_all(&forge);
    }
    load.wait_for(20);
    let verdict = load.finish();
    verdict.assert_clean();
    assert!(verdict.by_factor.keys().eq(&[2]), "{verdict}");
}

#[test]
fn a_file_that_another_was_moved_over_is_served_on() {
    comes_back_with_the_same_bytes(|file| {
        let new = file.with_extension("new");
        fs::write(&new, "multiply 3").unwrap();
        fs::rename(&new, file).unwrap();
    });
}

#[test]
fn a_file_that_was_deleted_is_served_on() {
    comes_back_with_the_same_bytes(|file| fs::remove_file(file).unwrap());
}

#[test]
fn a_file_written_anew_with_the_same_bytes_is_served_on() {
    comes_back_with_the_same_bytes(|file| fs::write(file, "multiply 2").unwrap());
}

/// Nobody is served other bytes; a swap to the path heals it.
fn is_not_served_until_a_swap(change: impl Fn(&Path)) {
    let (forge, file) = forge_and_file();
    let others = Load::on(&forge).model("other").times(&[5]).start();
    change(&file);
    kill_all(&forge);
    until("the model is degraded", || forge.get("/v1/models/m").json()["status"] == "degraded");
    let refused = forge.predict("m", &json!({"input": [1]}));
    assert_eq!(refused.status, 503, "{}", refused.text());
    let told = "file changed since version 1, swap to use it";
    assert!(refused.detail().contains(told), "{}", refused.detail());
    assert!(forge.get("/v1/models/m").json()["cause"].as_str().unwrap().contains(told));
    until("only the other model has a worker", || forge.workers().len() == 1);

    fs::write(&file, "multiply 3").unwrap();
    assert_swapped(&forge.swap("m", "m.model"));
    assert_eq!(forge.predict("m", &json!({"input": [1]})).output(), json!([3.0]));
    assert_eq!(forge.get("/v1/models/m").json()["status"], "ready");
    others.wait_for(10);
    others.finish().assert_clean();

    let back = forge.ctl(&["rollback", "m"]);
    assert_ne!(back.code(), 0, "{}", back.stdout);
    assert!(back.stderr.contains("has changed since version 1"), "{}", back.stderr);
    assert_eq!(forge.predict("m", &json!({"input": [1]})).output(), json!([3.0]));
}

#[test]
fn a_file_that_was_overwritten_in_place_is_not_served_until_a_swap() {
    is_not_served_until_a_swap(|file| fs::write(file, "multiply 7").unwrap());
}

#[test]
fn a_file_that_was_truncated_is_not_served_until_a_swap() {
    is_not_served_until_a_swap(|file| fs::write(file, "").unwrap());
}

/// Its worker lives, so nothing is amiss until it dies.
#[test]
fn a_file_that_changes_under_a_living_worker_concerns_nobody() {
    let (forge, file) = forge_and_file();
    fs::write(&file, "multiply 7").unwrap();
    assert_eq!(forge.predict("m", &json!({"input": [1]})).output(), json!([2.0]));
    assert_eq!(forge.get("/v1/models/m").json()["status"], "ready");
}

/// The worker that is due has the old bytes and answers on.
#[test]
fn a_worker_that_is_due_is_not_replaced_by_one_of_other_bytes() {
    let age = "max_worker_age_s = 1.0";
    let forge = Setup::new().test_model("m", "multiply 2").with(age).start();
    let file = forge.directory().join("m.model");
    fs::write(&file, "multiply 7").unwrap();
    let before = forge.workers();
    until("the model is degraded", || forge.get("/v1/models/m").json()["status"] == "degraded");
    let told = forge.get("/v1/models/m").json()["cause"].clone();
    assert_eq!(told, "file changed since version 1, swap to use it");
    assert_eq!(forge.workers(), before);
    for _ in 0..2 {
        // Its first answers mend nothing.
        assert_eq!(forge.predict("m", &json!({"input": [1]})).output(), json!([2.0]));
        assert_eq!(forge.get("/v1/models/m").json()["status"], "degraded");
    }
    assert_swapped(&forge.swap("m", "m.model"));
    assert_eq!(forge.predict("m", &json!({"input": [1]})).output(), json!([7.0]));
    assert_eq!(forge.get("/v1/models/m").json()["status"], "ready");
}

/// The bytes that were seen in between concern nobody once they are gone.
#[test]
fn requests_wait_for_a_worker_that_restarts_from_a_file_that_was_mended() {
    let directory = TempDir::new();
    let gate = directory.write("gate", "");
    let script = format!("load-after {}", gate.display());
    let age = "max_worker_age_s = 2.0";
    let forge = Setup::new().test_model("m", &script).with(age).start();
    let file = forge.directory().join("m.model");
    assert_eq!(forge.predict("m", &json!({"input": [1]})).output(), json!([1.0]));
    fs::write(&file, "multiply 7").unwrap();
    until("the model is degraded", || forge.get("/v1/models/m").json()["status"] == "degraded");
    fs::write(&file, &script).unwrap();
    fs::remove_file(&gate).unwrap();
    forge.workers()[0].signal(Signal::SIGKILL);
    until("another is started", || forge.metric("forge_worker_restarts_total", &M) == 1.0);
    let mut waiting = forge.send_predict("m", &json!({"input": [3]}));
    until("it waits", || forge.metric("forge_queue_depth", &M) == 1.0);
    directory.write("gate", "");
    assert_eq!(waiting.response().output(), json!([3.0]));
    until("it is ready", || forge.get("/v1/models/m").json()["status"] == "ready");
}
