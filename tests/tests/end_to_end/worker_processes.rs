//! The worker processes as the system sees them.

use std::fs;

use forge_tests::{Forge, Process, Setup, checkout, json, until};

/// The rows of the table in docs/ipc.md, and what `/proc` shows of each: change both together.
const DESCRIPTORS: [(&str, &[&str]); 4] = [
    ("| 0 | its end of the control socket |", &["0 socket"]),
    ("| 1, 2 | pipes to the router, which logs their lines |", &["1 pipe", "2 pipe"]),
    ("| any | the model's file, read-only |", &["any m.model"]),
    ("| any | two eventfds |", &["any anon_inode:[eventfd]", "any anon_inode:[eventfd]"]),
];

#[test]
fn a_worker_holds_the_descriptors_that_are_documented_and_no_others() {
    let page = fs::read_to_string(checkout().join("docs/ipc.md")).unwrap();
    let table = page.split("| fd | what |\n|---|---|\n").nth(1).unwrap();
    let documented: Vec<&str> = table.lines().take_while(|line| line.starts_with('|')).collect();
    assert_eq!(documented, DESCRIPTORS.map(|(row, _)| row));
    let expected: Vec<&str> =
        DESCRIPTORS.iter().flat_map(|(_, shown)| shown.iter().copied()).collect();

    let forge = Forge::serving("m", "echo");
    let mut connection = forge.connect();
    connection.request("POST", "/v1/m/predict", &[], b"{\"input\": [1]}");
    connection.response();
    assert_eq!(descriptors(&forge.workers()[0]), sorted(&expected));
}

fn descriptors(worker: &Process) -> Vec<String> {
    let show = |(number, target): (u32, String)| {
        let kind =
            target.split(":[").next().filter(|kind| *kind != "anon_inode").unwrap_or(&target);
        let kind = kind.rsplit('/').next().unwrap_or(kind);
        match number {
            0..3 => format!("{number} {kind}"),
            _ => format!("any {kind}"),
        }
    };
    let shown: Vec<String> = worker.descriptors().into_iter().map(show).collect();
    sorted(&shown)
}

fn sorted(shown: &[impl AsRef<str>]) -> Vec<String> {
    let mut sorted: Vec<String> = shown.iter().map(|line| line.as_ref().to_owned()).collect();
    sorted.sort();
    sorted
}

#[test]
fn ps_shows_which_model_and_version_a_worker_serves() {
    let forge = Setup::new()
        .test_model("one", "echo")
        .test_model("two", "echo")
        .with("workers = 2")
        .start();
    let mut shown: Vec<String> =
        forge.workers().iter().map(|worker| worker.command_line()[1..7].join(" ")).collect();
    shown.sort();
    let expected = [("one", 0), ("two", 0), ("two", 1)]
        .map(|(model, worker)| format!("--model {model} --version 1 --worker {worker}"));
    assert_eq!(shown, expected);
}

#[test]
fn what_a_worker_prints_is_logged_with_its_model_version_and_number() {
    let forge = Forge::serving("m", "print");
    forge.predict("m", &json!({"input": [1]}));
    for event in ["load", "run"] {
        for stream in ["stdout", "stderr"] {
            let line = format!("{event} says this on {stream}");
            let stream = format!("stream=\"{stream}\"");
            forge.wait_for_log(&[&line, "model=m", "version=1", "worker=0", &stream]);
        }
    }
}

#[test]
fn a_workers_regions_are_sealed_memory_files_without_a_name_in_any_directory() {
    let forge = Forge::serving("m", "echo");
    let regions = |process: &Process| {
        process.mapped_files().into_iter().filter(|name| name.starts_with("/memfd:")).count()
    };
    assert_eq!(regions(&forge.workers()[0]), 2);
    assert_eq!(regions(forge.process()), 2);
}

#[test]
fn a_worker_does_not_survive_its_router_even_in_a_forward_that_hangs() {
    let forge = Setup::new().test_model("m", "hang").with("workers = 2").start();
    let workers = forge.workers();
    assert_eq!(workers.len(), 2);
    let _stuck = forge.send_predict("m", &json!({"input": [777]}));
    until("one of them hangs", || forge.metric("forge_rows_total", &[("model", "m")]) == 1.0);
    forge.process().signal(forge_tests::Signal::SIGKILL);
    let ended = forge.wait_until_ended();
    assert!(!ended.status.success());
    until("no worker is left", || workers.iter().all(|worker| !worker.is_alive()));
}

#[test]
fn a_real_worker_loads_into_the_same_rings() {
    let forge = Setup::new().real_model("m", "double.pt").start();
    let names: Vec<String> = forge.workers()[0].descriptors().into_values().collect();
    assert_eq!(names.iter().filter(|name| name.contains("eventfd")).count(), 2, "{names:?}");
    assert_eq!(names.iter().filter(|name| name.contains("memfd")).count(), 0, "{names:?}");
}
