//! `forge serve`: what it takes from the command line, and where it refuses to start.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use forge_tests::{Finished, Setup, TempDir, Value, eventually, finish, forge, json, model_file};

/// `forge serve` with a config of this text, beside a file `m.pt` that holds `model`.
fn serve(model: &str, config: &str) -> Finished {
    let dir = TempDir::new();
    dir.write("m.pt", model);
    let path = dir.write("forge.toml", config);
    finish(&mut forge(&["serve", path.to_str().unwrap()]))
}

const CONFIG: &str = "[server]\nport = 0\n[models.m]\npath = \"m.pt\"\n";

#[test]
fn nothing_to_serve_is_a_usage_error() {
    let dir = TempDir::new();
    for arguments in [&["serve"][..], &[], &["serve", "--no-such-flag"], &["fly"]] {
        let finished = finish(forge(arguments).current_dir(dir.path()));
        assert_eq!(finished.code(), 64, "{arguments:?}: {}", finished.stderr);
        assert!(finished.stderr.to_lowercase().contains("usage"), "{}", finished.stderr);
    }
}

#[test]
fn a_config_in_the_directory_is_served_without_being_named() {
    let dir = TempDir::new();
    dir.write("forge.toml", "[models.m]\npath = \"gone.pt\"\n");
    let finished = finish(forge(&["serve"]).current_dir(dir.path()));
    assert_eq!(finished.code(), 78, "{}", finished.stderr);
    assert!(finished.stderr.contains("gone.pt"), "{}", finished.stderr);
}

#[test]
fn a_bad_config_is_refused_with_every_error() {
    let finished = serve("", "[server]\nprot = 1\n[models.m]\npath = \"m.pt\"\nworkers = 0\n");
    assert_eq!(finished.code(), 78);
    for word in ["server.prot", "port", "models.m.workers"] {
        assert!(finished.stderr.contains(word), "{word}: {}", finished.stderr);
    }
}

#[test]
fn a_model_that_is_no_torchscript_stops_the_start_in_the_workers_words() {
    let finished = serve("not a model", CONFIG);
    assert_eq!(finished.code(), 1);
    assert!(finished.stderr.contains("model 'm' cannot be served"), "{}", finished.stderr);
    assert!(finished.stderr.contains("not a TorchScript file"), "{}", finished.stderr);
    assert!(!finished.stdout.contains("ready"));
}

#[test]
fn a_model_that_fails_to_load_stops_the_start_in_its_own_words() {
    let forge = Setup::new()
        .test_model("good", "echo")
        .test_model("m", "fail-load no such operator")
        .spawn();
    let ended = forge.wait_until_ended();
    assert_eq!(ended.status.code(), Some(1));
    let line = ended.log.lines().last().unwrap();
    assert!(line.contains("'m'") && line.contains("no such operator"), "{}", ended.log);
}

#[test]
fn a_declared_model_that_throws_while_warming_stops_the_start() {
    let forge = Setup::new()
        .test_model("m", "throw always")
        .with_inputs(&[("x", "float32", "[2]")])
        .spawn();
    let ended = forge.wait_until_ended();
    assert_eq!(ended.status.code(), Some(1));
    assert!(ended.log.contains("a negative row"), "{}", ended.log);
}

#[test]
fn inputs_that_the_file_does_not_have_stop_the_start() {
    let forge =
        Setup::new().test_model("m", "echo").with_inputs(&[("y", "float32", "[2]")]).spawn();
    let ended = forge.wait_until_ended();
    assert_eq!(ended.status.code(), Some(1));
    assert!(ended.log.contains("'y'") && ended.log.contains("(x)"), "{}", ended.log);
}

#[test]
fn a_load_that_takes_too_long_stops_the_start() {
    let forge =
        Setup::new().test_model("m", "slow-load 60000").with("load_timeout_s = 0.3").spawn();
    let ended = forge.wait_until_ended();
    assert_eq!(ended.status.code(), Some(1));
    assert!(ended.log.contains("load_timeout_s"), "{}", ended.log);
}

#[test]
fn a_port_in_use_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let config = CONFIG.replace("port = 0", &format!("port = {port}"));
    let finished = serve("", &config);
    assert_eq!(finished.code(), 1);
    let expected = format!("cannot listen on 127.0.0.1:{port}");
    assert!(finished.stderr.contains(&expected), "{}", finished.stderr);
}

#[test]
fn the_command_line_goes_before_the_config() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let forge = Setup::on_port(port)
        .test_model("m", "echo")
        .argument("--port=0")
        .argument("--log-level=warning")
        .argument("--log-format=json")
        .start();
    forge.predict("m", &json!({"input": ["bad"]}));
    let line = eventually("the failure is logged", || {
        forge.log().lines().find(|line| line.contains("request failed")).map(str::to_owned)
    });
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((line["model"].as_str(), line["status"].as_u64()), (Some("m"), Some(422)));
}

#[test]
fn model_files_are_served_without_a_config() {
    let forge = Setup::of_files(&["double.pt", "pair.pt"]).start();
    assert_eq!(forge.predict("double", &json!({"input": [1]})).output(), json!([2.0]));
    assert_eq!(forge.predict("pair", &json!({"input": [1]})).output(), json!([[0.5], [2.0]]));
}

#[test]
fn requests_are_logged_one_by_one_only_when_asked_for() {
    for (line, is_logged) in [("access_log = true", true), ("access_log = false", false)] {
        let forge = Setup::new().server(line).test_model("m", "echo").start();
        let id = [("X-Request-ID", "logged-1")];
        forge.ask("POST", "/v1/m/predict", &id, b"{\"input\": [1]}");
        // In the log after the other one, if at all.
        forge.predict("m", &json!({"input": ["bad"]}));
        forge.wait_for_log(&["request failed"]);
        assert_eq!(forge.log().contains("logged-1"), is_logged, "{line}: {}", forge.log());
    }
}

#[test]
fn a_declared_model_is_warmed_also_where_dimensions_are_free() {
    let config =
        format!("{CONFIG}[[models.m.inputs]]\nname = \"x\"\ndtype = \"float32\"\nshape = [-1]\n");
    let dir = TempDir::new();
    std::fs::copy(model_file("sum.pt"), dir.path().join("m.pt")).unwrap();
    let path = dir.write("forge.toml", config);
    let finished = finish(&mut forge(&["serve", path.to_str().unwrap()]));
    assert_eq!(finished.code(), 1, "{}", finished.stderr);
    assert!(finished.stderr.contains("expected rows first"), "{}", finished.stderr);
}

#[test]
fn a_worker_that_lets_go_of_its_socket_is_not_waited_for() {
    let dir = TempDir::new();
    let worker = dir.write("worker", "#!/bin/sh\nexec 0</dev/null\nexec sleep 3000\n");
    std::fs::set_permissions(&worker, PermissionsExt::from_mode(0o755)).unwrap();
    dir.write("m.pt", "not read");
    let config = dir.write("forge.toml", CONFIG);
    let arguments = ["serve", config.to_str().unwrap(), "--worker", worker.to_str().unwrap()];
    let finished = finish(&mut forge(&arguments));
    assert_eq!(finished.code(), 1, "{}", finished.stderr);
    assert!(finished.stderr.contains("ended while loading"), "{}", finished.stderr);
}
