//! Which models there are, and whether they can be asked.

use forge_tests::{Forge, Setup, Value, json, until};

/// Long enough to be seen loading, short enough to be waited for.
const SLOW_LOAD: &str = "slow-load 1500";

#[test]
fn models_are_listed_with_queue_and_status() {
    let forge = Setup::new().test_model("one", "echo").test_model("two", "echo").start();
    let listed = forge.get("/v1/models");
    assert_eq!(listed.status, 200);
    let ready = json!({"queue_depth": 0, "status": "ready"});
    assert_eq!(listed.json(), json!({"one": ready, "two": ready}));
}

#[test]
fn one_model_is_shown_with_its_inputs_batching_and_workers() {
    let forge = Setup::new()
        .test_model("m", "echo\nargs a b")
        .with("max_batch_size = 7")
        .with("workers = 2")
        .with_inputs(&[("b", "int64", "[-1]"), ("a", "float32", "[2, 3]")])
        .start();
    let shown = forge.get("/v1/models/m").json();
    assert_eq!(shown["name"], "m");
    assert_eq!(shown["version"], 1);
    assert_eq!(shown["status"], "ready");
    let inputs = json!([
        {"name": "a", "type": "Tensor", "dtype": "float32", "shape": [2, 3]},
        {"name": "b", "type": "Tensor", "dtype": "int64", "shape": [-1]},
    ]);
    assert_eq!(shown["inputs"], inputs);
    assert_eq!(shown["batching"]["max_batch_size"], 7);
    assert_eq!(shown["batching"]["max_queue_depth"], 256);
    assert_eq!(shown["workers"], json!(["ready", "ready"]));
}

#[test]
fn undeclared_inputs_are_shown_by_the_names_in_the_file() {
    let forge = Setup::new().real_model("m", "add.pt").start();
    let free = |name| json!({"name": name, "type": "Tensor", "dtype": null, "shape": null});
    assert_eq!(forge.get("/v1/models/m").json()["inputs"], json!([free("x"), free("y")]));
}

#[test]
fn arguments_that_are_no_tensors_are_shown_with_their_defaults() {
    let forge = Setup::new().real_model("m", "defaults.pt").start();
    let inputs = json!([
        {"name": "x", "type": "Tensor", "dtype": null, "shape": null},
        {"name": "scale", "type": "float", "default": "2.0"},
        {"name": "bias", "type": "Optional[Tensor]", "default": "None", "dtype": null, "shape": null},
    ]);
    assert_eq!(forge.get("/v1/models/m").json()["inputs"], inputs);
}

#[test]
fn an_unknown_model_is_answered_with_the_names_there_are() {
    let forge = Setup::new().test_model("a", "echo").test_model("b.c-d_1", "echo").start();
    for response in
        [forge.predict("nobody", &json!({"input": [1]})), forge.get("/v1/models/nobody")]
    {
        assert_eq!(response.status, 404);
        let expected = "Model 'nobody' not found. Registered: ['a', 'b.c-d_1']";
        assert_eq!(response.detail(), expected);
    }
}

#[test]
fn unknown_paths_are_not_found() {
    let forge = Forge::serving("m", "echo");
    for path in ["/v1", "/v1/m", "/v1/m/predict/", "/v3", "/health/", "/metrics/x", "//"] {
        let response = forge.get(path);
        assert_eq!(response.status, 404, "{path}");
        assert!(!response.detail().is_empty());
    }
}

#[test]
fn a_wrong_method_is_told_the_right_ones() {
    let forge = Forge::serving("m", "echo");
    for (method, path, allow) in [
        ("GET", "/v1/m/predict", "POST"),
        ("DELETE", "/v1/m/predict", "POST"),
        ("POST", "/v1/models", "GET, HEAD"),
        ("PUT", "/v1/models/m", "GET, HEAD"),
        ("POST", "/health", "GET, HEAD"),
        ("POST", "/metrics", "GET, HEAD"),
        ("OPTIONS", "/metrics", "GET, HEAD"),
    ] {
        let response = forge.ask(method, path, &[], b"");
        assert_eq!(response.status, 405, "{method} {path}");
        assert_eq!(response.header("allow"), Some(allow), "{method} {path}");
    }
    assert_eq!(forge.ask("HEAD", "/health", &[], b"").status, 200);
}

#[test]
fn a_server_is_alive_at_once_and_ready_when_its_models_are() {
    let forge = Setup::new().test_model("m", SLOW_LOAD).start_loading();
    assert_eq!(forge.get("/health/live").status, 200);
    for path in ["/health", "/health/ready"] {
        let response = forge.get(path);
        assert_eq!(response.status, 503, "{path}");
        assert_eq!(response.json()["status"], "loading");
        assert!(response.header("retry-after").is_some(), "{path}");
    }
    forge.wait_until_ready();
    for path in ["/health", "/health/ready", "/health/live"] {
        let response = forge.get(path);
        assert_eq!((response.status, response.json()["status"].clone()), (200, json!("ok")));
    }
}

#[test]
fn a_model_that_is_not_loaded_refuses_and_the_others_answer() {
    let forge =
        Setup::new().test_model("quick", "echo").test_model("slow", SLOW_LOAD).start_loading();
    let body = json!({"input": [1]});
    let refused = forge.predict("slow", &body);
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(refused.header("retry-after").is_some());
    assert_eq!(forge.get("/v1/models/slow").json()["status"], "loading");
    until("the quick model answers", || forge.predict("quick", &body).status == 200);
    forge.wait_until_ready();
    assert_eq!(forge.predict("slow", &body).status, 200);
    assert_eq!(
        forge.metric("forge_requests_total", &[("model", "slow"), ("status", "rejected")]),
        1.0
    );
}

/// A model whose worker ends at every batch, beside one that is sound. What has no worker any more
/// must not be dropped but stopped.
fn with_a_broken_model(line: &str) -> Forge {
    let forge = Setup::new()
        .test_model("broken", "exit 3")
        .with("request_timeout_s = 1.0\nrestart_limit = 2")
        .with(line)
        .test_model("sound", "echo")
        .start();
    until("the broken model is degraded", || {
        forge.predict("broken", &json!({"input": [1]})).status == 503
    });
    forge
}

fn model(forge: &Forge) -> Value {
    forge.get("/v1/models/broken").json()
}

#[test]
fn a_degraded_model_shows_its_cause_and_leaves_the_others_in_service() {
    let forge = with_a_broken_model("");
    let shown = model(&forge);
    let cause = shown["cause"].as_str().unwrap_or_default();
    assert!(cause.contains("2 deaths within 60s") && cause.contains("exit status 3"), "{shown}");
    let refused = forge.predict("broken", &json!({"input": [1]}));
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(refused.detail().contains("2 deaths within 60s"), "{}", refused.detail());
    assert_eq!(forge.get("/health/ready").status, 200);
    assert_eq!(forge.predict("sound", &json!({"input": [1]})).status, 200);
    forge.stop();
}

#[test]
fn a_required_model_that_degrades_takes_the_server_out_of_service() {
    let forge = with_a_broken_model("required = true");
    until("the server is not ready", || forge.get("/health/ready").status == 503);
    assert_eq!(forge.get("/health/live").status, 200);
    forge.stop();
}
