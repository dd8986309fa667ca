//! Degraded models that come back.

use std::fs;

use forge_tests::{Forge, Setup, Signal, TempDir, Value, json, until};

use crate::shown::model;

fn assert_ready(forge: &Forge, is_ready: bool) {
    let status = if is_ready { 200 } else { 503 };
    until("the server's readiness is the model's", || forge.get("/health/ready").status == status);
}

/// With the whole server unready nobody sends it requests by which it could prove itself.
#[test]
fn a_required_model_becomes_ready_again_without_a_client() {
    let lines = "required = true\nrestart_limit = 1\nrestart_window_s = 1.0";
    let forge = Setup::new().test_model("m", "multiply 2").with(lines).start();
    forge.workers()[0].signal(Signal::SIGKILL);
    assert_ready(&forge, false);
    let cause = model(&forge, "m")["cause"].as_str().unwrap_or_default().to_owned();
    assert!(cause.contains("killed by SIGKILL"), "{cause}");
    assert_ready(&forge, true);
    assert_eq!(forge.get("/v1/models/m/ready").status, 200);
    assert_eq!(model(&forge, "m")["cause"], Value::Null);
}

#[test]
fn while_a_worker_restarts_as_many_requests_wait_as_the_queue_holds() {
    let directory = TempDir::new();
    let gate = directory.write("gate", "");
    let script = format!("load-after {}", gate.display());
    let forge = Setup::new().test_model("m", &script).with("max_queue_depth = 2").start();
    assert_eq!(forge.predict("m", &json!({"input": [1]})).status, 200);
    fs::remove_file(&gate).unwrap();
    forge.workers()[0].signal(Signal::SIGKILL);
    until("no worker is left", || model(&forge, "m")["state"] == "degraded");
    let mut waiting = [1, 2].map(|number| forge.send_predict("m", &json!({"input": [number]})));
    until("they wait", || forge.metric("forge_queue_depth", &[("model", "m")]) == 2.0);
    let refused = forge.predict("m", &json!({"input": [3]}));
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    assert!(refused.detail().contains("Request queue saturated"), "{}", refused.detail());
    directory.write("gate", "");
    let answers = waiting.each_mut().map(|waiting| waiting.response().output());
    assert_eq!(answers, [json!([1.0]), json!([2.0])]);
}
