//! Degraded models that come back.

use forge_tests::{Forge, Setup, Signal, Value, until};

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
