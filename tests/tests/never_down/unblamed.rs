//! One request that ends its worker each time, in a way that nobody is blamed for, on a model that
//! is quiet otherwise.

use forge_tests::{Connection, Forge, Setup, json};

/// The one request ends more workers than may die of themselves before the model is degraded.
fn forge_with_a_culprit(script: &str) -> (Forge, Connection) {
    let lines = "request_timeout_s = 5.0\nrestart_limit = 3";
    let forge = Setup::new().test_model("m", script).with(lines).start();
    let culprit = forge.send_predict("m", &json!({"input": [444]}));
    (forge, culprit)
}

fn assert_unblamed(forge: &Forge, mut culprit: Connection) {
    let answer = culprit.response();
    assert!([503, 504].contains(&answer.status), "{} {}", answer.status, answer.text());
    assert_eq!(forge.metric("forge_blamed_requests_total", &[("model", "m")]), 0.0);
    assert!(forge.metric("forge_worker_restarts_total", &[("model", "m")]) > 3.0);
    // It has no worker for moments; no place of it is given up for a while.
    let events = forge.ctl(&["events", "--json"]);
    assert!(!events.stdout.contains("\"degraded\""), "{}", events.stdout);
}

fn good_ones_are_answered_meanwhile(script: &str) {
    let (forge, culprit) = forge_with_a_culprit(script);
    while !culprit.has_answer() {
        let good = forge.predict("m", &json!({"input": [1]}));
        assert_eq!(good.output(), json!([1.0]));
    }
    assert_unblamed(&forge, culprit);
}

#[test]
fn good_requests_one_after_the_other_are_answered_beside_one_that_exits() {
    good_ones_are_answered_meanwhile("exit 3 row");
}

#[test]
fn good_requests_one_after_the_other_are_answered_beside_one_that_exits_cleanly() {
    good_ones_are_answered_meanwhile("chaos 1");
}

#[test]
fn a_model_is_not_degraded_by_one_request_that_nobody_else_is_beside() {
    let (forge, culprit) = forge_with_a_culprit("exit 3 row");
    assert_unblamed(&forge, culprit);
    assert_eq!(forge.predict("m", &json!({"input": [1]})).output(), json!([1.0]));
}
