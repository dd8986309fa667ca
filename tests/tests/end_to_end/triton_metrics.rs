//! `triton_metrics = true`: what dashboards and autoscalers that were made for Triton read.

use std::thread;

use forge_tests::{Forge, Setup, Signal, json, until};

const FIRST: [(&str, &str); 2] = [("model", "m"), ("version", "1")];
const PHASES: [&str; 3] = ["input", "infer", "output"];

fn counting(setup: Setup) -> Setup {
    setup.server("triton_metrics = true")
}

/// A value of the first version of the model.
fn count(forge: &Forge, name: &str) -> f64 {
    forge.metric(&format!("nv_inference_{name}"), &FIRST)
}

fn failed(forge: &Forge, reason: &str) -> f64 {
    let labels = [FIRST[0], FIRST[1], ("reason", reason)];
    forge.metric("nv_inference_request_failure", &labels)
}

/// Of a phase, in milliseconds.
fn phase(forge: &Forge, phase: &str) -> f64 {
    count(forge, &format!("compute_{phase}_duration_us")) / 1000.0
}

#[test]
fn tritons_names_are_there_only_where_the_config_asks_for_them() {
    let has = |forge: &Forge| forge.get("/metrics").text().contains("nv_inference");
    assert!(!has(&Forge::serving("m", "echo")));
    assert!(has(&counting(Setup::new().test_model("m", "echo")).start()));
}

#[test]
fn every_count_is_zero_before_the_first_request_also_where_the_model_was_warmed() {
    let setup = Setup::new().test_model("m", "double").with_inputs(&[("x", "float32", "[2]")]);
    let forge = counting(setup).start();
    for name in [
        "request_success",
        "count",
        "exec_count",
        "request_duration_us",
        "queue_duration_us",
        "compute_input_duration_us",
        "compute_infer_duration_us",
        "compute_output_duration_us",
        "pending_request_count",
    ] {
        assert_eq!(count(&forge, name), 0.0, "{name}");
    }
    for reason in ["REJECTED", "CANCELED", "BACKEND", "OTHER"] {
        assert_eq!(failed(&forge, reason), 0.0, "{reason}");
    }
}

#[test]
fn each_phase_of_each_request_is_counted_as_it_was_measured() {
    let forge = counting(Setup::new().test_model("m", "phases 20 40 60")).start();
    for _ in 0..3 {
        assert_eq!(forge.predict("m", &json!({"input": [1]})).status, 200);
    }
    for name in ["request_success", "count", "exec_count"] {
        assert_eq!(count(&forge, name), 3.0, "{name}");
    }
    for (name, least) in std::iter::zip(PHASES, [60.0, 120.0, 180.0]) {
        assert!(phase(&forge, name) >= least, "{name}: {} ms", phase(&forge, name));
    }
    let parts: f64 = PHASES.iter().map(|name| phase(&forge, name)).sum();
    let whole = count(&forge, "request_duration_us") / 1000.0;
    assert!(whole >= parts + count(&forge, "queue_duration_us") / 1000.0, "{whole} {parts}");
}

#[test]
fn requests_that_share_a_batch_count_each_and_the_batch_once() {
    let setup = Setup::new().test_model("m", "phases 20 40 60").with("max_batch_size = 3");
    let forge = counting(setup.with("batch_window_ms = 20000")).start();
    let mut sent: Vec<_> =
        (0..3).map(|n| forge.send_predict("m", &json!({"input": [n]}))).collect();
    sent.iter_mut().for_each(|connection| assert_eq!(connection.response().status, 200));
    for (name, expected) in [("request_success", 3.0), ("count", 3.0), ("exec_count", 1.0)] {
        assert_eq!(count(&forge, name), expected, "{name}");
    }
    // Each of them waited for the whole batch.
    assert!(phase(&forge, "infer") >= 3.0 * 40.0, "{}", phase(&forge, "infer"));
}

#[test]
fn a_request_of_more_rows_than_a_batch_counts_once_and_each_of_its_rows_and_batches() {
    let setup = Setup::new().test_model("m", "phases 2 4 6").with("max_batch_size = 2");
    let forge = counting(setup.with_inputs(&[("x", "float32", "[1]")])).start();
    let input =
        json!({"name": "x", "datatype": "FP32", "shape": [7, 1], "data": [1, 2, 3, 4, 5, 6, 7]});
    let body = json!({"inputs": [input]}).to_string();
    assert_eq!(forge.ask("POST", "/v2/models/m/infer", &[], body.as_bytes()).status, 200);
    for (name, expected) in [("request_success", 1.0), ("count", 7.0), ("exec_count", 4.0)] {
        assert_eq!(count(&forge, name), expected, "{name}");
    }
    assert!(phase(&forge, "infer") >= 4.0 * 4.0, "{}", phase(&forge, "infer"));
}

#[test]
fn libtorch_takes_its_time_for_inputs_model_and_outputs() {
    let forge = counting(Setup::new().real_model("m", "double.pt")).start();
    let input: Vec<u32> = (0..10_000).collect();
    for _ in 0..10 {
        assert_eq!(forge.predict("m", &json!({"input": input})).status, 200);
    }
    for name in PHASES {
        assert!(phase(&forge, name) > 0.0, "{name}");
    }
}

#[test]
fn failures_are_told_apart_by_their_reason() {
    let setup = Setup::new().test_model("m", "throw").with("request_timeout_s = 20");
    let forge = counting(setup).start();
    assert_eq!(forge.predict("m", &json!({"input": [-1]})).status, 500);
    assert_eq!((failed(&forge, "BACKEND"), count(&forge, "exec_count")), (1.0, 0.0));
    // What is not understood never became an inference.
    assert_eq!(forge.predict("m", &json!({"input": [1, "x"]})).status, 422);
    for reason in ["REJECTED", "CANCELED", "OTHER"] {
        assert_eq!(failed(&forge, reason), 0.0, "{reason}");
    }
}

#[test]
fn a_client_that_hangs_up_is_told_apart_from_a_deadline_that_passes_in_the_queue() {
    let setup = Setup::new();
    let gate = setup.directory().join("gate");
    let script = format!("run-after {}", gate.display());
    let setup = setup.test_model("m", &script).with("max_batch_size = 1");
    let forge = counting(setup.with("request_timeout_s = 2")).start();
    let mut sent: Vec<_> =
        (0..7).map(|_| forge.send_predict("m", &json!({"input": [1]}))).collect();
    // One runs, whoever it is.
    until("six wait", || count(&forge, "pending_request_count") == 6.0);
    drop(sent.pop());
    until("one was given up", || failed(&forge, "CANCELED") == 1.0);
    for mut connection in sent {
        assert_eq!(connection.response().status, 504);
    }
    let late = failed(&forge, "REJECTED");
    assert!(late >= 1.0, "nobody was late in the queue");
    // The others were in a batch.
    assert_eq!(late + failed(&forge, "OTHER"), 6.0);
    assert_eq!(count(&forge, "request_success"), 0.0);
    forge.write("gate", "");
    until("nothing waits", || count(&forge, "pending_request_count") == 0.0);
}

#[test]
fn a_request_that_runs_again_after_its_worker_died_counts_once() {
    let setup = Setup::new();
    let gate = setup.directory().join("gate");
    let script = format!("run-after {}", gate.display());
    let setup = setup.test_model("m", &script).with("max_batch_size = 1");
    let forge = counting(setup).start();
    let mut sent: Vec<_> =
        (0..3).map(|_| forge.send_predict("m", &json!({"input": [1]}))).collect();
    until("one runs", || count(&forge, "pending_request_count") == 2.0);
    forge.workers()[0].signal(Signal::SIGKILL);
    forge.write("gate", "");
    sent.iter_mut().for_each(|connection| assert_eq!(connection.response().status, 200));
    for (name, expected) in [("request_success", 3.0), ("count", 3.0), ("exec_count", 3.0)] {
        assert_eq!(count(&forge, name), expected, "{name}");
    }
    assert_eq!(failed(&forge, "BACKEND"), 0.0);
}

#[test]
fn a_request_that_ended_its_worker_failed_in_the_backend() {
    let forge = counting(Setup::new().test_model("m", "crash")).start();
    assert_eq!(forge.predict("m", &json!({"input": [666]})).status, 500);
    assert_eq!((failed(&forge, "BACKEND"), count(&forge, "request_success")), (1.0, 0.0));
}

#[test]
fn a_new_version_begins_at_zero_under_its_own_number() {
    let forge = counting(Setup::new().test_model("m", "multiply 2")).start();
    assert_eq!(forge.predict("m", &json!({"input": [1]})).status, 200);
    assert_eq!(count(&forge, "request_success"), 1.0);
    let next = forge.write("next.model", "multiply 3");
    assert_eq!(forge.swap("m", next).status, 200);
    let scrape = forge.scrape();
    let success = |version| scrape.has("nv_inference_request_success", &[("version", version)]);
    assert!(!success("1") && success("2"));
    let second = [("model", "m"), ("version", "2")];
    assert_eq!(scrape.value("nv_inference_request_success", &second), 0.0);
}

#[test]
fn whoever_scrapes_sees_what_happened_before_however_many_others_scrape() {
    let forge = counting(Setup::new().test_model("m", "echo")).start();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for path in ["/metrics", "/openapi.json"].iter().cycle().take(100) {
                    assert_eq!(forge.get(path).status, 200);
                }
            });
        }
        for sent in 1..=50 {
            forge.predict("m", &json!({"input": [1]}));
            assert_eq!(count(&forge, "request_success"), f64::from(sent));
        }
    });
}
