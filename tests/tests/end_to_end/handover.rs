//! One Forge after another on a socket that outlives both.

use std::net::{SocketAddr, TcpListener};
use std::process::Command;

use forge_tests::{
    Connection, Finished, Load, Response, Setup, Signal, TempDir, finish, json, program, until,
};

fn socket() -> (TcpListener, SocketAddr) {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

fn doubling(socket: &TcpListener) -> Setup {
    Setup::new().test_model("m", "double").shutdown_grace(1.0).on_socket(socket)
}

fn ask(connection: &mut Connection, number: u32) {
    let body = json!({"input": [number]}).to_string();
    connection.request("POST", "/v1/m/predict", &[], body.as_bytes());
}

fn is_double(response: &Response, number: u32) -> bool {
    response.status == 200 && response.json()["output"] == json!([f64::from(number) * 2.0])
}

#[test]
fn a_socket_that_is_passed_is_listened_on_and_not_passed_on() {
    let (socket, address) = socket();
    // Its config names another port, which nobody listens on.
    let forge = doubling(&socket).start();
    assert_eq!(forge.address(), address);
    assert_eq!(forge.predict("m", &json!({"input": [4]})).output(), json!([8.0]));
    let is_socket = |(_, target): &(u32, String)| target.starts_with("socket:");
    let held: Vec<_> = forge.process().descriptors().into_iter().filter(is_socket).collect();
    for worker in forge.workers() {
        let passed_on: Vec<_> = worker.descriptors().into_iter().filter(is_socket).collect();
        let shared = passed_on.iter().find(|(_, target)| held.iter().any(|(_, own)| own == target));
        assert_eq!(shared, None);
    }
}

#[test]
fn connections_wait_until_the_models_are_ready() {
    let (socket, address) = socket();
    let dir = TempDir::new();
    let script = format!("load-after {}", dir.path().join("gate").display());
    let forge = Setup::new().test_model("m", &script).on_socket(&socket).start_loading();
    until("the worker loads", || forge.workers().len() == 1);
    let mut early = Connection::open(address);
    ask(&mut early, 1);
    let mut probe = Connection::open(address);
    probe.request("GET", "/health/ready", &[], b"");
    dir.write("gate", "");
    assert_eq!(early.response().output(), json!([1.0]));
    assert_eq!(probe.response().status, 200);
}

#[test]
fn connections_that_come_while_none_runs_are_the_next_ones() {
    let (socket, address) = socket();
    let first = doubling(&socket).start();
    assert!(first.stop().status.success());
    let mut between = Connection::open(address);
    ask(&mut between, 21);
    let _second = doubling(&socket).start();
    assert!(is_double(&between.response(), 21));
}

#[test]
fn once_the_end_is_asked_for_new_connections_are_the_successors() {
    let (socket, address) = socket();
    let old = doubling(&socket).shutdown_grace(3000.0).start();
    let mut kept = old.connect();
    ask(&mut kept, 1);
    assert!(is_double(&kept.response(), 1));
    old.process().signal(Signal::SIGTERM);
    old.wait_for_log(&["draining", "left to whoever takes the socket next"]);
    ask(&mut kept, 2);
    let mut late = Connection::open(address);
    ask(&mut late, 3);
    assert!(is_double(&kept.response(), 2), "the old one still answers whom it knows");
    let new = doubling(&socket).start();
    assert!(is_double(&late.response(), 3));
    let answered = [("model", "m"), ("status", "success")];
    assert_eq!(new.metric("forge_requests_total", &answered), 1.0);
    old.process().signal(Signal::SIGTERM);
    assert!(old.wait_until_ended().status.success());
}

#[test]
fn forge_is_replaced_under_load_without_a_refused_connection_or_a_lost_answer() {
    let (socket, address) = socket();
    let old = doubling(&socket).start();
    let load = Load::at(address).restless().start();
    load.wait_for(300);
    let new = doubling(&socket).start();
    load.wait_for(300);
    old.process().signal(Signal::SIGTERM);
    assert!(old.wait_until_ended().status.success());
    load.wait_for(300);
    load.finish().assert_clean();
    let answered = [("model", "m"), ("status", "success")];
    assert!(new.metric("forge_requests_total", &answered) > 0.0);
}

/// Each is ended while it swaps its model, half of the time for one that never comes to serve.
#[test]
fn the_end_during_a_swap_loses_nothing_under_load() {
    let (socket, address) = socket();
    let start = || doubling(&socket).shutdown_grace(0.1).start();
    let mut current = start();
    let load = Load::at(address).restless().start();
    for round in 0..20 {
        current.write("new.model", if round % 2 == 0 { "hang-load" } else { "double" });
        let next = start();
        load.wait_for(20);
        let before = current.workers().len();
        let swap = current.send_swap("m", "new.model");
        until("it has begun", || swap.has_answer() || current.workers().len() > before);
        current.process().signal(Signal::SIGTERM);
        let ended = current.wait_until_ended();
        assert!(ended.status.success(), "{}", ended.log);
        current = next;
    }
    load.wait_for(100);
    load.finish().assert_clean();
}

#[test]
fn a_successor_that_cannot_serve_takes_nothing() {
    let (socket, address) = socket();
    let old = doubling(&socket).start();
    let load = Load::at(address).restless().start();
    let new = Setup::new().test_model("m", "fail-load no such operator").on_socket(&socket).spawn();
    assert_eq!(new.wait_until_ended().status.code(), Some(1));
    load.wait_for(300);
    load.finish().assert_clean();
    drop(old);
}

/// `forge serve` with so many sockets passed to it, the first of them this file.
fn serve_with(sockets: &str, file: &str) -> Finished {
    let dir = TempDir::new();
    dir.write("m.pt", "echo");
    let config = dir.write("forge.toml", "[server]\nport = 0\n[models.m]\npath = \"m.pt\"\n");
    let script =
        format!("exec 3<{file}; export LISTEN_PID=$$ LISTEN_FDS={sockets}; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script]).arg(program("forge")).arg("serve").arg(config);
    finish(command.arg("--worker").arg(program("forge-test-worker")))
}

#[test]
fn what_is_no_single_listening_socket_is_refused() {
    for (sockets, file, message) in [
        ("1", "/dev/null", "descriptor 3 was passed, but is no TCP socket that listens"),
        ("2", "/dev/null", "2 sockets were passed, but forge listens on one"),
        ("one", "/dev/null", "LISTEN_FDS is \"one\", which is no number"),
    ] {
        let finished = serve_with(sockets, file);
        assert_eq!(finished.code(), 1, "{}", finished.stderr);
        assert!(finished.stderr.contains(message), "{}", finished.stderr);
    }
}
