//! What the Open Inference Protocol tells of the server and its models, and its repository.

use std::time::{SystemTime, UNIX_EPOCH};

use forge_tests::{Forge, Response, Setup};
use serde_json::{Value, json};

fn post(forge: &Forge, path: &str, body: &str) -> Response {
    forge.ask("POST", path, &[], body.as_bytes())
}

fn infer(forge: &Forge, model: &str) -> Value {
    let input = json!({"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [1]});
    let body = json!({"inputs": [input]}).to_string();
    let answer = post(forge, &format!("/v2/models/{model}/infer"), &body).json();
    answer["outputs"][0]["data"].clone()
}

#[test]
fn the_server_says_what_it_is_and_that_it_is_there() {
    let forge = Setup::new().test_model("b", "echo").test_model("a", "echo").start();
    let server = forge.get("/v2").json();
    assert_eq!(server["name"], "forge");
    assert_eq!(server["version"], env!("CARGO_PKG_VERSION"));
    let extensions = server["extensions"].as_array().unwrap();
    assert!(extensions.contains(&json!("binary_tensor_data")), "{server}");
    assert!(extensions.contains(&json!("statistics")), "{server}");
    assert!(!extensions.contains(&json!("system_shared_memory")), "{server}");
    assert_eq!(forge.get("/v2/health/live").json(), json!({"live": true}));
    assert_eq!(forge.get("/v2/health/ready").json(), json!({"ready": true}));
    assert_eq!(forge.get("/v2/models").json(), json!({"models": ["a", "b"]}));
    assert_eq!(forge.get("/v2/models/a/ready").json(), json!({"name": "a", "ready": true}));
    assert_eq!(forge.get("/v2/models/a/versions/1/ready").status, 200);
    assert_eq!(forge.get("/v2/models/a/versions/2/ready").status, 503);
    assert_eq!(forge.get("/v2/models/c/ready").status, 404);
}

#[test]
fn what_is_loading_is_alive_and_not_ready() {
    let setup = Setup::new();
    let file = setup.directory().join("go");
    let script = format!("load-after {}", file.display());
    let forge = setup.test_model("m", &script).start_loading();
    assert_eq!(forge.get("/v2/health/live").status, 200);
    let ready = forge.get("/v2/health/ready");
    assert_eq!((ready.status, ready.json()), (503, json!({"ready": false})));
    assert_eq!(forge.get("/v2/models/m/ready").status, 503);
    let metadata = forge.get("/v2/models/m");
    assert_eq!((metadata.status, metadata.header("retry-after")), (503, Some("1")));
    assert_eq!(metadata.error(), "Model 'm' is not ready: loading");
    let index = post(&forge, "/v2/repository/index", "").json();
    assert_eq!((&index[0]["name"], &index[0]["state"]), (&json!("m"), &json!("LOADING")));
    assert_eq!(post(&forge, "/v2/repository/index", r#"{"ready": true}"#).json(), json!([]));
    std::fs::write(file, "").unwrap();
    forge.wait_until_ready();
    assert_eq!(forge.get("/v2/health/ready").status, 200);
}

#[test]
fn metadata_has_the_rows_first_and_the_configuration_has_not() {
    let forge = Setup::new()
        .test_model("m", "echo\nargs a b")
        .with_inputs(&[("a", "float32", "[2]"), ("b", "int64", "[-1]")])
        .with("max_batch_size = 8")
        .with("batch_window_ms = 1.5")
        .test_model("alone", "echo")
        .with_inputs(&[("x", "float16", "[2, -1]")])
        .with("batching = false")
        .start();
    let metadata = forge.get("/v2/models/m").json();
    assert_eq!(metadata["platform"], "pytorch_libtorch");
    assert_eq!(metadata["versions"], json!(["1"]));
    let a = json!({"name": "a", "datatype": "FP32", "shape": [-1, 2]});
    let b = json!({"name": "b", "datatype": "INT64", "shape": [-1, -1]});
    assert_eq!(metadata["inputs"], json!([a, b]));
    assert_eq!(metadata, forge.get("/v2/models/m/versions/1").json());
    let config = forge.get("/v2/models/m/config").json();
    assert_eq!((&config["name"], &config["max_batch_size"]), (&json!("m"), &json!(8)));
    assert_eq!(config["input"][0], json!({"name": "a", "data_type": "TYPE_FP32", "dims": [2]}));
    assert_eq!(config["dynamic_batching"]["max_queue_delay_microseconds"], 1500);
    assert_eq!(config["instance_group"][0]["kind"], "KIND_CPU");
    let alone = forge.get("/v2/models/alone").json();
    assert_eq!(alone["inputs"][0]["shape"], json!([2, -1]));
    let alone = forge.get("/v2/models/alone/config").json();
    assert_eq!(alone["max_batch_size"], 0);
    assert_eq!(alone["input"][0]["dims"], json!([2, -1]));
    assert_eq!(alone.get("dynamic_batching"), None);
}

#[test]
fn outputs_are_told_once_the_model_has_answered() {
    let forge = Forge::serving("m", "double");
    assert_eq!(forge.get("/v2/models/m").json()["outputs"], json!([]));
    assert_eq!(infer(&forge, "m"), json!([2.0]));
    let outputs = forge.get("/v2/models/m").json()["outputs"].clone();
    let output = json!({"name": "OUTPUT__0", "datatype": "FP32", "shape": [-1, -1]});
    assert_eq!(outputs, json!([output]));
}

#[test]
fn statistics_are_of_one_model_one_version_or_all() {
    let forge = Setup::new().test_model("m", "double").test_model("n", "echo").start();
    infer(&forge, "m");
    let one = forge.get("/v2/models/m/stats").json();
    let statistics = &one["model_stats"][0];
    assert_eq!((&statistics["name"], &statistics["version"]), (&json!("m"), &json!("1")));
    assert_eq!(statistics["inference_stats"]["success"]["count"], 1);
    assert_eq!(one, forge.get("/v2/models/m/versions/1/stats").json());
    let all = forge.get("/v2/models/stats").json();
    let names: Vec<_> =
        all["model_stats"].as_array().unwrap().iter().map(|model| &model["name"]).collect();
    assert_eq!(names, [&json!("m"), &json!("n")]);
}

#[test]
fn statistics_are_what_was_measured_and_nothing_else() {
    let forge = Setup::new().test_model("m", "phases 20 40 60").with("max_batch_size = 2").start();
    let statistics = || forge.get("/v2/models/m/stats").json()["model_stats"][0].clone();
    let before = statistics();
    assert_eq!((&before["last_inference"], &before["batch_stats"]), (&json!(0), &json!([])));
    for phase in before["inference_stats"].as_object().unwrap().values() {
        assert_eq!(phase, &json!({"count": 0, "ns": 0}));
    }
    let began = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
    // Two batches, of two rows and of one.
    let input = json!({"name": "x", "datatype": "FP32", "shape": [3, 1], "data": [1, 2, 3]});
    let body = json!({"inputs": [input]}).to_string();
    assert_eq!(post(&forge, "/v2/models/m/infer", &body).status, 200);
    let after = statistics();
    assert_eq!((&after["inference_count"], &after["execution_count"]), (&json!(3), &json!(2)));
    assert!(after["last_inference"].as_u64().unwrap() >= began, "{after}");
    let of = |phase: &str| &after["inference_stats"][phase];
    assert_eq!((&of("success")["count"], &of("fail")["count"]), (&json!(1), &json!(0)));
    let milliseconds = |value: &Value| value["ns"].as_f64().unwrap() / 1e6;
    for (phase, least) in
        [("compute_input", 20.0), ("compute_infer", 40.0), ("compute_output", 60.0)]
    {
        assert!(milliseconds(of(phase)) >= 2.0 * least, "{phase}: {after}");
        for (batch, size) in [(0, 1), (1, 2)] {
            let batch = &after["batch_stats"][batch];
            assert_eq!((&batch["batch_size"], &batch[phase]["count"]), (&json!(size), &json!(1)));
            assert!(milliseconds(&batch[phase]) >= least, "{phase}: {after}");
        }
    }
    let parts = ["queue", "compute_input", "compute_infer", "compute_output"];
    let parts: f64 = parts.iter().map(|phase| milliseconds(of(phase))).sum();
    assert!(milliseconds(of("success")) >= parts, "{after}");
    for phase in ["cache_hit", "cache_miss"] {
        assert_eq!(of(phase), &json!({"count": 0, "ns": 0}), "there is no cache");
    }
    // One that is late fails; one that is not understood never became an inference.
    let mut late =
        json!({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [1]}]});
    late["parameters"] = json!({"timeout": 1000});
    assert_eq!(post(&forge, "/v2/models/m/infer", &late.to_string()).status, 504);
    late["inputs"][0]["name"] = json!("y");
    assert_eq!(post(&forge, "/v2/models/m/infer", &late.to_string()).status, 400);
    let after = statistics()["inference_stats"].clone();
    assert_eq!((&after["success"]["count"], &after["fail"]["count"]), (&json!(1), &json!(1)));
    assert!(milliseconds(&after["fail"]) >= 1.0, "{after}");
}

#[test]
fn models_are_unloaded_and_loaded_again_as_the_config_has_them() {
    let forge = Setup::new().test_model("m", "multiply 3").test_model("n", "echo").start();
    let unload = r#"{"parameters":{"unload_dependents":false}}"#;
    let unloaded = post(&forge, "/v2/repository/models/m/unload", unload);
    assert_eq!((unloaded.status, unloaded.text()), (200, String::new()));
    assert_eq!(forge.get("/v2/models/m/ready").status, 404);
    let index = post(&forge, "/v2/repository/index", "{}").json();
    let m = json!({"name": "m", "state": "UNAVAILABLE", "reason": "unloaded"});
    let n = json!({"name": "n", "version": "1", "state": "READY", "reason": ""});
    assert_eq!(index, json!([m, n]));
    assert_eq!(post(&forge, "/v2/repository/index", r#"{"ready": true}"#).json(), json!([n]));
    assert_eq!(post(&forge, "/v2/repository/models/m/unload", "").status, 404);
    assert_eq!(post(&forge, "/v2/repository/models/m/load", "{}").status, 200);
    assert_eq!(infer(&forge, "m"), json!([3.0]));
    let nobody = post(&forge, "/v2/repository/models/nobody/load", "{}");
    assert_eq!(nobody.status, 404);
}

#[test]
fn loading_a_loaded_model_serves_what_its_file_holds_now() {
    let forge = Forge::serving("m", "multiply 3");
    assert_eq!(post(&forge, "/v2/repository/models/m/load", "").status, 200);
    assert_eq!(forge.get("/v2/models/m").json()["versions"], json!(["1"]));
    forge.write("m.model", "multiply 5");
    assert_eq!(infer(&forge, "m"), json!([3.0]));
    assert_eq!(post(&forge, "/v2/repository/models/m/load", "{}").status, 200);
    assert_eq!(infer(&forge, "m"), json!([5.0]));
    assert_eq!(forge.get("/v2/models/m").json()["versions"], json!(["2"]));
    forge.write("m.model", "fail-load broken");
    let failed = post(&forge, "/v2/repository/models/m/load", "{}");
    assert_eq!(failed.status, 400);
    assert!(failed.error().contains("broken"), "{}", failed.error());
    assert_eq!(infer(&forge, "m"), json!([5.0]));
}

#[test]
fn neither_a_file_nor_a_configuration_can_be_sent() {
    let forge = Forge::serving("m", "multiply 3");
    for (body, told) in [
        (json!({"parameters": {"config": "{}"}}), "the parameter 'config' cannot be given"),
        (json!({"parameters": {"file:1/model.pt": "AAAA"}}), "'file:1/model.pt' cannot be given"),
        (json!([]), "expected an object, or no body"),
    ] {
        let refused = post(&forge, "/v2/repository/models/m/load", &body.to_string());
        assert_eq!(refused.status, 400, "{body}");
        assert!(refused.error().contains(told), "{}", refused.error());
    }
}

#[test]
fn who_may_not_change_the_server_neither_loads_nor_unloads() {
    let off = Setup::new().server("admin = \"off\"").test_model("m", "echo").start();
    let reachable = Setup::new().server("host = \"0.0.0.0\"").test_model("m", "echo").start();
    let local = Forge::serving("m", "echo");
    let page = [("Origin", "https://page.example")];
    for path in ["/v2/repository/models/m/load", "/v2/repository/models/m/unload"] {
        assert_eq!(off.ask("POST", path, &[], b"").status, 403, "{path}");
        let refused = reachable.ask("POST", path, &[], b"");
        assert_eq!(refused.status, 403, "{path}");
        assert!(refused.error().contains("set server.admin = \"token\""), "{}", refused.error());
        let refused = local.ask("POST", path, &page, b"");
        assert_eq!(refused.error(), "pages of other origins cannot change the server");
        assert_eq!(refused.header("access-control-allow-origin"), None);
        assert_eq!(local.ask("OPTIONS", path, &page, b"").status, 405);
    }
    let read = local.ask("POST", "/v2/repository/index", &page, b"");
    assert_eq!((read.status, read.header("access-control-allow-origin")), (200, Some("*")));
    let preflight = local.ask("OPTIONS", "/v2/models/m/infer", &page, b"");
    assert_eq!(preflight.status, 204);
}

#[test]
fn clients_that_let_go_of_shared_memory_are_told_it_is_done() {
    let forge = Forge::serving("m", "echo");
    for kind in ["systemsharedmemory", "cudasharedmemory"] {
        assert_eq!(forge.get(&format!("/v2/{kind}/status")).json(), json!([]));
        assert_eq!(forge.get(&format!("/v2/{kind}/region/r/status")).json(), json!([]));
        for path in [format!("/v2/{kind}/unregister"), format!("/v2/{kind}/region/r/unregister")] {
            assert_eq!(post(&forge, &path, "").status, 200, "{path}");
        }
    }
}
