//! `forge-bench` as a person runs it, against real servers.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by a panic, in its helpers too")]

mod other_servers;

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use forge_tests::{Finished, Forge, Setup, TempDir, Value, finish, until};

/// Short runs: what is measured is not what is tested.
const SHORT: [&str; 4] = ["--warm-up", "0.1", "--duration", "0.3"];

fn bench(server: &impl ToString, model: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forge-bench"));
    command.arg(server.to_string()).args(["--model", model]).args(arguments);
    command
}

/// What `--json -` printed.
fn report(finished: &Finished) -> Value {
    serde_json::from_str(&finished.stdout)
        .unwrap_or_else(|error| panic!("{error}: {} {}", finished.stdout, finished.stderr))
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("no number: {value}"))
}

#[test]
fn every_protocol_is_measured_and_answered_rightly() {
    let forge = Forge::serving("m", "double");
    for protocol in ["v1", "v2", "v2-binary", "grpc"] {
        let arguments =
            ["--protocol", protocol, "--shape", "8", "--concurrency", "1,4", "--json=-"];
        let finished = finish(bench(&forge.address(), "m", &SHORT).args(arguments));
        assert_eq!(finished.code(), 0, "{protocol}: {}", finished.stderr);
        let report = report(&finished);
        assert_eq!(report["settings"]["protocol"], protocol);
        assert_eq!(report["settings"]["requests"], 16);
        assert_eq!(report["settings"]["distinct_answers"], 16);
        let runs = report["runs"].as_array().unwrap();
        assert_eq!(runs.len(), 2);
        for (run, concurrency) in runs.iter().zip([1, 4]) {
            assert_eq!(
                (&run["loop"], &run["concurrency"]),
                (&"closed".into(), &concurrency.into())
            );
            assert!(number(&run["answered"]["count"]) > 0.0, "{run}");
            assert!(number(&run["requests_per_second"]) > 0.0, "{run}");
            assert!(number(&run["mean_batch"]) >= 1.0, "{run}");
            let latency = &run["answered"]["latency_ms"];
            assert!(number(&latency["p50"]) <= number(&latency["p99"]), "{run}");
            assert_eq!((&run["refused"]["count"], &run["failed"]["count"]), (&0.into(), &0.into()));
        }
    }
}

#[test]
fn the_table_and_the_chart_have_a_row_and_a_tick_for_each_level() {
    let forge = Forge::serving("m", "double");
    let dir = TempDir::new();
    let chart = dir.path().join("chart.svg");
    let arguments = ["--shape", "8", "--concurrency", "2,7", "--plot", chart.to_str().unwrap()];
    let finished = finish(bench(&forge.address(), "m", &SHORT).args(arguments));
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    let mut lines = finished.stdout.lines();
    assert!(lines.next().unwrap().trim_start().starts_with("Concurrency   "), "{finished:?}");
    let levels: Vec<&str> = lines.filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(levels, ["2", "7"]);
    assert_eq!(finished.stderr, "");
    let chart = std::fs::read_to_string(chart).unwrap();
    assert!(chart.contains(">7</text>") && chart.contains("latency (ms)"), "{chart}");
}

#[test]
fn a_wrong_answer_is_seen_under_load() {
    let forge = Forge::serving("m", "multiply 2");
    forge.write("other.model", "multiply 3");
    let address = forge.address();
    let measured = thread::spawn(move || {
        let arguments = ["--shape", "8", "--concurrency", "4", "--warm-up", "0", "--json=-"];
        finish(&mut bench(&address, "m", &[&arguments[..], &["--duration", "5"]].concat()))
    });
    // It has learned from the first 32.
    until("it is under load", || forge.metric("forge_rows_total", &[("model", "m")]) > 100.0);
    assert_eq!(forge.swap("m", "other.model").status, 200);
    let finished = measured.join().unwrap();
    assert_eq!(finished.code(), 2, "{}", finished.stderr);
    assert!(finished.stderr.contains("alone it was"), "{}", finished.stderr);
    let run = &report(&finished)["runs"][0];
    assert!(number(&run["failures"]["wrong"]["count"]) > 0.0, "{run}");
    assert!(number(&run["answered"]["count"]) > 0.0, "{run}");
}

/// Only four requests can be unanswered, but all that were due while the server stalled count.
#[test]
fn a_stall_counts_for_every_request_that_was_due() {
    let dir = TempDir::new();
    let go = dir.write("go", "");
    let forge = Forge::serving("m", &format!("run-after {}", go.display()));
    let address = forge.address();
    let measured = thread::spawn(move || {
        let open = ["--rate", "200", "--in-flight", "4", "--duration", "2", "--warm-up", "0"];
        finish(&mut bench(&address, "m", &[&open[..], &["--shape", "8", "--json=-"]].concat()))
    });
    until("it is under load", || forge.metric("forge_rows_total", &[("model", "m")]) > 60.0);
    std::fs::remove_file(&go).unwrap();
    let stalled = Instant::now();
    until("it has stalled", || stalled.elapsed() > Duration::from_millis(600));
    dir.write("go", "");
    let finished = measured.join().unwrap();
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    let run = &report(&finished)["runs"][0];
    assert_eq!(run["answered"]["count"], 400);
    // 120 of 400 were due in those 600 ms: each tenth waited longer than two thirds of it.
    let p90 = |times: &str| number(&run["answered"][times]["p90"]);
    assert!(p90("latency_ms") >= 300.0, "{run}");
    assert!(p90("from_sent_ms") < p90("latency_ms"), "{run}");
    assert!(number(&run["late_ms"]["p90"]) >= 200.0, "{run}");
}

#[test]
fn refusals_are_counted_apart() {
    let slow = Setup::new().test_model("m", "sleep 20");
    let forge = slow.with("max_batch_size = 1").with("max_queue_depth = 2").start();
    let open = ["--rate", "200", "--duration", "0.5", "--shape", "8", "--warm-up=0", "--json=-"];
    let finished = finish(&mut bench(&forge.address(), "m", &open));
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    let run = &report(&finished)["runs"][0];
    let count = |outcome: &str| run[outcome]["count"].as_u64().unwrap();
    assert!(count("refused") > 0 && count("answered") > 0, "{run}");
    assert_eq!(count("refused") + count("answered"), 100);
    assert!(number(&run["refused"]["latency_ms"]["max"]) > 0.0);
    assert!(number(&run["refused_per_second"]) > 0.0);
}

#[test]
fn requests_of_a_file_are_sent_by_every_protocol() {
    let forge = Forge::serving("m", "double");
    let dir = TempDir::new();
    let request = |numbers: &str| {
        format!(
            r#"{{"inputs": [{{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": {numbers}}}]}}"#
        )
    };
    let file = dir.write("requests.json", request("[1, 2]") + "\n" + &request("[[3, 4]]"));
    for protocol in ["v1", "v2", "v2-binary", "grpc"] {
        let arguments = ["--concurrency=2", "--json=-", "--protocol", protocol, "--input"];
        let mut bench = bench(&forge.address(), "m", &SHORT);
        let finished = finish(bench.args(arguments).arg(&file));
        assert_eq!(finished.code(), 0, "{protocol}: {}", finished.stderr);
        assert_eq!(report(&finished)["settings"]["requests"], 2);
        assert_eq!(report(&finished)["settings"]["distinct_answers"], 2);
    }
}

#[test]
fn what_is_wrong_is_told_with_what_to_do() {
    let forge = Forge::serving("m", "double");
    let address = forge.address().to_string();
    let told = |server: &str, model: &str, arguments: &[&str], code: i32, words: &str| {
        let finished = finish(&mut bench(&server, model, arguments));
        assert_eq!(finished.code(), code, "{}", finished.stderr);
        assert!(finished.stderr.contains(words), "{words}: {}", finished.stderr);
        assert_eq!(finished.stdout, "");
    };
    // Nobody may listen on port 1.
    told("127.0.0.1:1", "m", &[], 1, "is the server running");
    told(&address, "n", &[], 1, "the server has no model n");
    told(&address, "n", &["--protocol", "grpc"], 1, "the server has no model n");
    told(&address, "m", &[], 1, "--shape x:DIM");
    told(&address, "m", &["--shape", "y:3"], 1, "its inputs are x");
    told(&address, "m", &["--shape", "8:INT64", "--path", "/v2/nothing"], 1, "HTTP 404");
    told(&address, "m", &["--input", "/nowhere"], 1, "cannot read /nowhere");
    told(&address, "m", &["--rate", "0"], 64, "--rate");
    told("https://localhost", "m", &[], 64, "TLS");
}

#[test]
fn a_declared_model_needs_no_shape() {
    let model = Setup::new().test_model("m", "double").with_inputs(&[("x", "float32", "[2, 3]")]);
    let forge = model.start();
    let arguments = ["--concurrency=1", "--json=-"];
    let finished = finish(bench(&forge.address(), "m", &SHORT).args(arguments));
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    assert_eq!(report(&finished)["settings"]["distinct_answers"], 16);
}
