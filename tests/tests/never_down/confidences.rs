//! What clients are not told: where files are on the server, and what a worker printed. Operators are.

use std::fs;

use forge_tests::{Forge, Response, Setup, Signal, json, until};

use crate::shown::model;

const PRINTED: &str = "says this on";

fn ask(forge: &Forge, number: u32) -> Response {
    forge.predict("m", &json!({"input": [number]}))
}

fn assert_discreet(forge: &Forge, response: &Response, status: u16) {
    assert_eq!(response.status, status, "{}", response.text());
    let path = forge.directory().to_str().unwrap();
    let body = response.text();
    assert!(!body.contains(PRINTED) && !body.contains(path), "{body}");
}

fn cause(forge: &Forge) -> String {
    model(forge, "m")["cause"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn clients_of_a_degraded_model_are_not_told_what_its_worker_printed() {
    let line = "restart_limit = 1\nrestart_window_s = 60.0";
    let forge = Setup::new().test_model("m", "print").with(line).start();
    let worker = forge.workers()[0];
    worker.signal(Signal::SIGKILL);
    until("it is degraded", || model(&forge, "m")["state"] == "degraded");
    assert!(cause(&forge).contains(PRINTED), "{}", cause(&forge));
    let refused = ask(&forge, 1);
    assert_discreet(&forge, &refused, 503);
    assert!(refused.detail().contains("1 death within"), "{}", refused.detail());
    forge.stop();
}

#[test]
fn clients_of_a_model_whose_file_changed_are_not_told_where_it_is() {
    let forge = Setup::new().test_model("m", "multiply 2").start();
    fs::write(forge.directory().join("m.model"), "multiply 3").unwrap();
    forge.workers()[0].signal(Signal::SIGKILL);
    until("it is degraded", || model(&forge, "m")["state"] == "degraded");
    let refused = ask(&forge, 1);
    assert_discreet(&forge, &refused, 503);
    assert!(refused.detail().contains("file changed since version 1"), "{}", refused.detail());
    forge.wait_for_log(&["file changed since version 1", forge.directory().to_str().unwrap()]);
    forge.stop();
}

#[test]
fn whoever_is_blamed_is_not_told_what_the_worker_printed() {
    let forge = Setup::new().test_model("m", "print").start();
    for _ in 0..2 {
        let blamed = ask(&forge, 666);
        assert_discreet(&forge, &blamed, 500);
        assert!(blamed.detail().contains("killed by SIGABRT"), "{}", blamed.detail());
    }
    forge.wait_for_log(&["worker ended", "killed by SIGABRT", PRINTED]);
    assert_eq!(ask(&forge, 1).status, 200);
}

#[test]
fn whoever_ran_beside_a_crash_is_not_told_what_the_worker_printed() {
    let forge = Setup::new().test_model("m", "print").with("retry_on_crash = false").start();
    let failed = ask(&forge, 666);
    assert!([500, 503].contains(&failed.status), "{}", failed.text());
    assert_discreet(&forge, &failed, failed.status);
    until("it serves again", || ask(&forge, 1).status == 200);
}
