//! The worker processes as the system sees them.

use std::fs;

use forge_tests::{Forge, Process, Setup, Signal, checkout, json, until};

/// The rows of the table in docs/ipc.md, and what `/proc` shows of each: change both together.
const DESCRIPTORS: [(&str, &[&str]); 4] = [
    ("| 0 | its end of the control socket |", &["0 socket"]),
    ("| 1, 2 | pipes to the router, which logs their lines |", &["1 pipe", "2 pipe"]),
    ("| any | a duplicate of 0 |", &["any socket"]),
    ("| any | two eventfds |", &["any eventfd", "any eventfd"]),
];

#[test]
fn the_descriptors_of_a_worker_are_documented() {
    let page = fs::read_to_string(checkout().join("docs/ipc.md")).unwrap();
    let table = page.split("| fd | what |\n|---|---|\n").nth(1).unwrap();
    let documented: Vec<&str> = table.lines().take_while(|line| line.starts_with('|')).collect();
    assert_eq!(documented, DESCRIPTORS.map(|(row, _)| row));
}

#[test]
fn a_worker_holds_the_descriptors_that_are_documented_and_no_others() {
    let expected = DESCRIPTORS.iter().flat_map(|(_, shown)| shown.iter().copied());
    let expected = sorted(expected.map(str::to_owned));
    for forge in [
        Forge::serving("m", "double"),
        Setup::new().real_model("m", "double.pt").start(),
        Setup::new().test_model("other", "echo").test_model("m", "double").start(),
    ] {
        forge.predict("m", &json!({"input": [1]})).output();
        for worker in forge.workers() {
            assert_eq!(descriptors(&worker), expected);
        }
    }
}

/// What a worker holds, but for what this very process was born with and has passed on.
fn descriptors(worker: &Process) -> Vec<String> {
    let inherited = Process::new(std::process::id()).descriptors();
    let own = worker
        .descriptors()
        .into_iter()
        .filter(|(number, target)| *number < 3 || inherited.get(number) != Some(target));
    sorted(own.map(|(number, target)| {
        let kind = target.trim_start_matches("anon_inode:[").trim_end_matches(']');
        let kind = kind.split(":[").next().unwrap_or(kind);
        if number < 3 { format!("{number} {kind}") } else { format!("any {kind}") }
    }))
}

fn sorted(lines: impl Iterator<Item = String>) -> Vec<String> {
    let mut lines: Vec<String> = lines.collect();
    lines.sort();
    lines
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
fn both_ends_map_two_memory_files_that_have_no_name_in_any_directory() {
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
    forge.process().signal(Signal::SIGKILL);
    let ended = forge.wait_until_ended();
    assert!(!ended.status.success());
    until("no worker is left", || workers.iter().all(|worker| !worker.is_alive()));
}

#[test]
fn a_worker_keeps_to_its_cpus_and_the_router_does_not() {
    let allowed = Process::new(std::process::id()).allowed_cpus();
    let first = allowed.split(['-', ',']).next().unwrap().to_owned();
    for setup in [
        Setup::new().test_model("m", "echo"),
        Setup::new().real_model("m", "double.pt").with("num_threads = 1"),
    ] {
        let forge = setup.with(&format!("cpus = \"{first}\"")).start();
        assert_eq!(forge.workers()[0].allowed_cpus(), first);
        assert_eq!(forge.process().allowed_cpus(), allowed);
    }
}

#[test]
fn signals_that_end_a_service_are_the_routers_to_hear_and_not_the_workers() {
    for forge in [
        Forge::serving("m", "double"),
        Setup::new().real_model("m", "double.pt").with("num_threads = 2").start(),
    ] {
        let worker = forge.workers()[0];
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            worker.signal(signal);
            assert_eq!(forge.predict("m", &json!({"input": [1]})).output(), json!([2.0]));
        }
        assert_eq!(forge.workers(), [worker]);
        assert_eq!(forge.metric("forge_worker_restarts_total", &[("model", "m")]), 0.0);
    }
}

#[test]
fn when_memory_runs_out_the_kernel_ends_a_worker_before_the_router() {
    let own = Process::new(std::process::id()).oom_score_adjustment();
    for setup in [
        Setup::new().test_model("m", "echo"),
        Setup::new().real_model("m", "double.pt"),
        Setup::new().real_model("m", "double.pt").unprivileged(),
    ] {
        let forge = setup.start();
        assert_eq!(forge.process().oom_score_adjustment(), own);
        assert_eq!(forge.workers()[0].oom_score_adjustment(), (own + 500).min(1000));
    }
}
