//! What `forge ctl` shows of models and workers, and what it says of what it refuses.

use forge_tests::{Finished, Forge, Process, Value};

pub(crate) fn done(forge: &Forge, order: &[&str]) {
    let finished = forge.ctl(order);
    assert_eq!(finished.code(), 0, "{order:?}: {}", finished.stderr);
}

pub(crate) fn assert_refused(finished: &Finished, code: i32, words: &str) {
    assert_eq!(finished.code(), code, "{finished:?}");
    assert!(finished.stderr.contains(words), "{words}: {}", finished.stderr);
}

/// A model as `status --json` has it.
pub(crate) fn model(forge: &Forge, name: &str) -> Value {
    let all = shown(forge, "status", "models");
    let found = all.iter().find(|model| model["model"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {all:?}")).clone()
}

/// The rows of a model's workers as `workers --json` has them.
pub(crate) fn workers(forge: &Forge, model: &str) -> Vec<Value> {
    let mut all = shown(forge, "workers", "workers");
    all.retain(|worker| worker["model"] == model);
    all
}

/// The process in one place of a model.
pub(crate) fn worker(forge: &Forge, model: &str, place: u64) -> Process {
    let rows = workers(forge, model);
    let row = rows.iter().find(|row| row["worker"] == place);
    let pid = row.and_then(|row| row["pid"].as_u64());
    Process::new(pid.unwrap_or_else(|| panic!("no worker {place}: {rows:?}")) as u32)
}

fn shown(forge: &Forge, what: &str, list: &str) -> Vec<Value> {
    let finished = forge.ctl(&[what, "--json"]);
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    let answer: Value = finished.stdout.parse().unwrap();
    answer[list].as_array().unwrap_or_else(|| panic!("no {list}: {answer}")).clone()
}
