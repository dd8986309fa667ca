//! The end of the router, in the middle of everything.

use forge_tests::{Connection, Forge, Process, Setup, Signal, json, until};

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

#[test]
fn the_end_at_any_moment_of_a_swap_is_clean() {
    for round in 0..30_u64 {
        let forge = Setup::new().test_model("m", "multiply 2").start();
        forge.write("new.model", "multiply 3");
        let mut sent: Vec<_> =
            (1..5).map(|n| forge.send_predict("m", &json!({"input": [n]}))).collect();
        let answers: Vec<_> = sent.iter_mut().map(Connection::response).collect();
        assert!(answers.iter().all(|answer| answer.status == 200));
        let swap = forge.send_swap("m", "new.model");
        for _ in 0..round % 15 {
            forge.get("/health/live");
        }
        let ended = forge.stop();
        assert!(ended.status.success(), "{}", ended.log);
        drop(swap);
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
