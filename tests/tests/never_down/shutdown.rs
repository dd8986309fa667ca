//! The end of the router, in the middle of everything.

use std::fs;

use forge_tests::{Connection, Forge, Process, Setup, Signal, TempDir, json, until};

const M: [(&str, &str); 1] = [("model", "m")];

/// Eight requests that wait for each other, and a swap under way.
fn in_the_middle_of_a_swap(script: &str) -> (Forge, Vec<Connection>, Connection) {
    let forge = Setup::new().test_model("m", "sleep 200").with("max_batch_size = 1").start();
    forge.write("new.model", script);
    let sent = (0..8).map(|n| forge.send_predict("m", &json!({"input": [n]}))).collect();
    until("all are in", || forge.metric("forge_requests_in_flight", &M) == 8.0);
    let swap = forge.send_swap("m", "new.model");
    (forge, sent, swap)
}

#[test]
fn a_swap_is_given_up_at_the_end_and_what_was_admitted_is_answered() {
    let (forge, mut sent, mut swap) = in_the_middle_of_a_swap("hang-load");
    until("the new worker loads", || forge.workers().len() == 2);
    let ended = forge.stop();
    assert!(ended.status.success(), "{}", ended.log);
    for (number, connection) in (0_u8..).zip(&mut sent) {
        assert_eq!(connection.response().output(), json!([f64::from(number)]));
    }
    let answer = swap.response();
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.detail().contains("ending"), "{}", answer.detail());
}

#[test]
fn a_version_that_drains_at_the_end_answers_what_it_has_admitted() {
    let (forge, mut sent, _swap) = in_the_middle_of_a_swap("echo");
    until("the flip", || forge.get("/v1/models/m").json()["version"] == 2);
    let ended = forge.stop();
    assert!(ended.status.success(), "{}", ended.log);
    for (number, connection) in (0_u8..).zip(&mut sent) {
        assert_eq!(connection.response().output(), json!([f64::from(number)]));
    }
}

/// Four requests run when the end comes, and run on while the swap is given up.
#[test]
fn the_end_at_any_moment_of_a_swap_is_clean_and_answers_what_runs() {
    for round in 0..30_u64 {
        let dir = TempDir::new();
        let gate = dir.write("gate", "");
        let script = format!("run-after {}", gate.display());
        let forge = Setup::new().test_model("m", &script).start();
        fs::remove_file(&gate).unwrap();
        forge.write("new.model", "multiply 3");
        let mut sent: Vec<_> =
            (1..5).map(|n| forge.send_predict("m", &json!({"input": [n]}))).collect();
        until("all are in", || forge.metric("forge_requests_in_flight", &M) == 4.0);
        let swap = forge.send_swap("m", "new.model");
        for _ in 0..round % 15 {
            forge.get("/health/live");
        }
        forge.process().signal(Signal::SIGTERM);
        dir.write("gate", "");
        let ended = forge.wait_until_ended();
        assert!(ended.status.success(), "{}", ended.log);
        for (number, connection) in (1_u8..).zip(&mut sent) {
            assert_eq!(connection.response().output(), json!([f64::from(number)]));
        }
        drop(swap);
    }
}

#[test]
fn a_worker_killed_while_the_server_drains_loses_nothing() {
    let forge = Setup::new().test_model("m", "sleep 100").with("max_batch_size = 1").start();
    let mut sent: Vec<_> =
        (0..8).map(|n| forge.send_predict("m", &json!({"input": [n]}))).collect();
    until("all are in", || forge.metric("forge_requests_in_flight", &M) == 8.0);
    let workers = forge.workers();
    forge.process().signal(Signal::SIGTERM);
    forge.wait_for_log(&["new predictions are refused"]);
    assert_eq!(workers.len(), 1);
    workers[0].signal(Signal::SIGKILL);
    let ended = forge.wait_until_ended();
    assert!(ended.status.success(), "{}", ended.log);
    assert!(ended.log.contains("it is started again"), "{}", ended.log);
    for (number, connection) in (0_u8..).zip(&mut sent) {
        assert_eq!(connection.response().output(), json!([f64::from(number)]));
    }
}

fn nobody_outlives(forge: Forge, workers: usize) {
    let workers_of = forge.workers();
    assert_eq!(workers_of.len(), workers);
    forge.process().signal(Signal::SIGKILL);
    assert!(!forge.wait_until_ended().status.success());
    until("no process is left", || !workers_of.iter().any(Process::is_alive));
}

#[test]
fn a_router_that_is_killed_leaves_no_process_behind() {
    let setup = Setup::new().server("parallel_loads = 2").test_model("m", "hang");
    let forge = setup.with("workers = 2").start();
    forge.write("new.model", "hang-load");
    let _hung = forge.send_predict("m", &json!({"input": [777]}));
    until("it runs", || forge.metric("forge_rows_total", &M) == 1.0);
    let _swap = forge.send_swap("m", "new.model");
    until("both new workers load", || forge.workers().len() == 4);
    nobody_outlives(forge, 4);
}

#[test]
fn a_router_that_is_killed_leaves_no_libtorch_behind_either() {
    let forge = Setup::new().real_model("m", "endless.pt").start();
    let _hung = forge.send_predict("m", &json!({"input": [-1.0]}));
    until("it runs", || forge.metric("forge_rows_total", &M) == 1.0);
    nobody_outlives(forge, 1);
}
