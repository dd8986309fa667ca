//! The unit of `deploy/systemd` as it is, in a real systemd of a system: with libtorch, and hardened.
//!
//! What it does not show is what a GPU needs (`forge-gpu.conf`), and a system with the journal, a boot and the
//! limits of memory that a test cannot set.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process;

use forge_tests::{
    Connection, Process, Response, Signal, Systemd, checkout, finish, forge, json, model_file,
    program, until,
};

/// The package as docs/install.md has it unpacked.
fn package() -> [(&'static str, PathBuf); 3] {
    let libtorch = fs::canonicalize(checkout().join(".libtorch/lib")).unwrap();
    [
        ("bin/forge", program("forge")),
        ("bin/forge-worker", program("forge-worker")),
        ("lib", libtorch),
    ]
}

fn post(address: SocketAddr, path: &str, body: &forge_tests::Value) -> Response {
    let mut connection = Connection::open(address);
    connection.request("POST", path, &[], body.to_string().as_bytes());
    connection.response()
}

/// What `/proc` says of it.
fn status(process: &Process, key: &str) -> String {
    let path = format!("/proc/{}/status", process.pid());
    let status = fs::read_to_string(path).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    line.trim_start_matches(':').trim().to_owned()
}

#[test]
fn the_unit_serves_with_all_its_hardening() {
    let Some(systemd) = Systemd::of_a_system(&package()) else { return };
    let [.., high, low] = process::id().to_be_bytes();
    let address = SocketAddr::from((Ipv4Addr::new(127, high.max(1), low, 200), 8000));
    let config = format!("[server]\nhost = \"{}\"\n[models.m]\npath = \"m.pt\"\n", address.ip());
    systemd.install("forge.toml", config);
    for (name, model) in [("m.pt", "double.pt"), ("new.pt", "triple.pt")] {
        systemd.install(name, fs::read(model_file(model)).unwrap());
    }
    let unit = fs::read_to_string(checkout().join("deploy/systemd/forge.service")).unwrap();
    systemd.unit("forge.service", &unit.replace("/etc/forge/", "/opt/forge/"));
    systemd.must(&["start", "forge"]);
    let router = systemd.main_process("forge");
    let asked = || post(address, "/v1/m/predict", &json!({"input": [4]}));
    assert_eq!(asked().output(), json!([8.0]));

    let worker = router.children().pop().unwrap();
    for process in [&router, &worker] {
        assert_eq!(status(process, "NoNewPrivs"), "1");
        // A filter of system calls.
        assert_eq!(status(process, "Seccomp"), "2");
        assert_eq!(status(process, "CapBnd"), "0000000000000000");
        assert!(!status(process, "Uid").starts_with("0\t"), "{}", status(process, "Uid"));
        let seen = |path: &str| PathBuf::from(format!("/proc/{}/root{path}", process.pid()));
        assert!(seen("/dev/null").exists() && !seen("/dev/kmsg").exists(), "its devices");
        assert_eq!(fs::read_dir(seen("/tmp")).unwrap().count(), 0);
    }

    worker.signal(Signal::SIGKILL);
    assert_eq!(asked().output(), json!([8.0]));
    let swapped = post(address, "/v1/m/reload", &json!({"model_path": "new.pt"}));
    assert_eq!(swapped.status, 200, "{}", swapped.text());
    assert_eq!(asked().output(), json!([12.0]));
    let socket = systemd.outside("/run/forge/forge.sock");
    let scaled = finish(forge(&["ctl", "--socket"]).arg(socket).args(["scale", "m", "2"]));
    assert_eq!(scaled.code(), 0, "{}", scaled.stderr);
    systemd.must(&["reload", "forge"]);
    assert_eq!(asked().status, 200);

    systemd.must(&["stop", "forge"]);
    until("nobody is left", || !router.exists());
    assert_eq!(systemd.property("forge", "Result"), "success");
    assert_eq!(systemd.property("forge", "ExecMainStatus"), "0");
}
