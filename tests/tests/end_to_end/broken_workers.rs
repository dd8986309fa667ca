//! Workers that die, hang or lie: the router tells whom it concerns, and serves on.

use forge_tests::{Forge, Process, Response, Setup, Signal, json, until};

const M: [(&str, &str); 1] = [("model", "m")];

fn ask(forge: &Forge, number: i32) -> Response {
    forge.predict("m", &json!({"input": [number]}))
}

/// Waits for the worker that replaces `before`, and for its answer.
fn serves_again(forge: &Forge, before: i32) {
    until("another worker answers", || ask(forge, 1).status == 200);
    let workers = forge.workers();
    assert_eq!(workers.len(), 1);
    assert_ne!(workers[0].pid(), before);
    assert_eq!(forge.metric("forge_worker_restarts_total", &M), 1.0);
}

fn only_worker(forge: &Forge) -> i32 {
    let workers = forge.workers();
    assert_eq!(workers.len(), 1);
    workers[0].pid()
}

/// An answer that says the request ended its worker, in these words.
fn assert_blamed(response: &Response, how: &str) {
    assert_eq!(response.status, 500, "{}", response.text());
    let detail = response.detail();
    assert!(
        detail.contains("ended the worker that ran it alone") && detail.contains(how),
        "{detail}"
    );
}

#[test]
fn a_worker_that_crashes_is_replaced_and_the_request_told_so() {
    let forge = Forge::serving("m", "crash");
    let worker = only_worker(&forge);
    assert_blamed(&ask(&forge, 666), "SIGSEGV");
    serves_again(&forge, worker);
    forge.wait_for_log(&["worker ended", "model=m", "SIGSEGV"]);
}

#[test]
fn a_worker_that_is_killed_is_replaced() {
    let forge = Forge::serving("m", "echo");
    let worker = forge.workers()[0];
    worker.signal(Signal::SIGKILL);
    until("the worker is gone", || !worker.is_alive());
    serves_again(&forge, worker.pid());
}

#[test]
fn a_worker_that_hangs_is_killed_after_the_batch_timeout() {
    let forge = Setup::new().test_model("m", "hang").with("batch_timeout_s = 0.5").start();
    let worker = only_worker(&forge);
    assert_blamed(&ask(&forge, 777), "batch_timeout_s");
    serves_again(&forge, worker);
}

#[test]
fn a_worker_that_exits_blames_nobody_and_its_request_runs_again_until_its_deadline() {
    let forge = Setup::new().test_model("m", "exit 3 row").with(SHORT_DEADLINES).start();
    assert_eq!(ask(&forge, 444).status, 504);
    forge.wait_for_log(&["worker ended", "model=m", "exit status 3"]);
    assert!(forge.metric("forge_replayed_requests_total", &M) >= 1.0);
    assert_eq!(forge.metric("forge_blamed_requests_total", &M), 0.0);
    until("another worker answers", || ask(&forge, 1).status == 200);
}

#[test]
fn a_worker_whose_descriptors_lie_is_killed() {
    let (forge, liar) = with_a_liar("lie descriptor");
    assert_eq!(ask(&forge, 555).status, 504);
    is_replaced(&forge, liar);
}

#[test]
fn a_worker_that_writes_random_bytes_is_killed() {
    let (forge, liar) = with_a_liar("lie random");
    assert_eq!(ask(&forge, 555).status, 504);
    is_replaced(&forge, liar);
}

#[test]
fn a_worker_whose_indices_lie_is_killed() {
    let (forge, liar) = with_a_liar("lie indices");
    // It publishes the batch first and lies ever after, so the answer may have been read before.
    let response = ask(&forge, 555);
    assert!([200, 504].contains(&response.status), "{}", response.text());
    is_replaced(&forge, liar);
}

/// With it a request that ends its workers runs again for a second, however many that are.
const SHORT_DEADLINES: &str = "request_timeout_s = 1.0\nrestart_limit = 100";

/// A Forge with an honest model beside one that lies, and that one's worker.
fn with_a_liar(script: &str) -> (Forge, Process) {
    let forge = Setup::new()
        .test_model("m", script)
        .with(SHORT_DEADLINES)
        .test_model("honest", "echo")
        .start();
    let is_the_liar =
        |worker: &Process| worker.command_line().windows(2).any(|words| words == ["--model", "m"]);
    let liar = forge.workers().into_iter().find(is_the_liar).unwrap();
    (forge, liar)
}

fn is_replaced(forge: &Forge, liar: Process) {
    until("the liar is gone", || !liar.is_alive());
    until("another worker answers", || ask(forge, 1).status == 200);
    forge.wait_for_log(&["worker ended", "model=m", "rules"]);
    assert_eq!(forge.predict("honest", &json!({"input": [2]})).output(), json!([2.0]));
    assert_eq!(forge.metric("forge_worker_restarts_total", &[("model", "honest")]), 0.0);
}

#[test]
fn requests_that_come_while_no_worker_lives_wait_for_the_next_one() {
    let forge = Setup::new().test_model("m", "crash").with("max_batch_size = 1").start();
    let mut crash = forge.send_predict("m", &json!({"input": [666]}));
    assert_blamed(&crash.response(), "SIGSEGV");
    let mut sent: Vec<_> =
        (0..10).map(|n| forge.send_predict("m", &json!({"input": [n]}))).collect();
    for (number, connection) in (0_u8..).zip(&mut sent) {
        assert_eq!(connection.response().output(), json!([f64::from(number)]));
    }
}

#[test]
fn a_worker_that_dies_over_and_over_is_started_ever_more_slowly_and_then_not_for_a_while() {
    let forge = Setup::new()
        .test_model("m", "exit 3")
        .with("request_timeout_s = 0.5\nrestart_limit = 4")
        .start();
    until("requests are refused", || ask(&forge, 1).status == 503);
    let refused = ask(&forge, 1).detail();
    assert!(refused.contains("4 deaths within 60s"), "{refused}");
    // How the last one died is told to operators.
    let shown = forge.ctl(&["models"]).stdout;
    assert!(shown.contains("exit status 3"), "{shown}");
    let restarts = || forge.metric("forge_worker_restarts_total", &M);
    let before = restarts();
    assert!((0..20).all(|_| ask(&forge, 1).status == 503));
    assert_eq!(restarts(), before);
    assert_eq!(forge.get("/health/live").status, 200);
    forge.stop();
}
