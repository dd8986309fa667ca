//! The units of `deploy/systemd` in a real systemd of a user, who may not harden them: that is `hardened.rs`.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::process;
use std::sync::atomic::{AtomicU8, Ordering};

use forge_tests::{
    Connection, Load, Signal, Systemd, TempDir, Value, checkout, finish, forge, json, program,
    until,
};

/// The keys that a user's manager knows.
const KEPT: [&str; 15] = [
    "Description",
    "Type",
    "ExecStart",
    "NonBlocking",
    "ExecReload",
    "Restart",
    "RestartSec",
    "RuntimeDirectory",
    "WatchdogSec",
    "KillMode",
    "TimeoutStartSec",
    "TimeoutStopSec",
    "Sockets",
    "ListenStream",
    "Backlog",
];

/// A machine with Forge installed as docs/install.md says, at an address of its own.
struct Machine {
    systemd: Systemd,
    address: SocketAddr,
    dir: TempDir,
}

impl Machine {
    fn new() -> Option<Self> {
        static NEXT: AtomicU8 = AtomicU8::new(1);
        let systemd = Systemd::start()?;
        let [.., high, low] = process::id().to_be_bytes();
        let host = Ipv4Addr::new(127, high.max(1), low, NEXT.fetch_add(1, Ordering::Relaxed));
        let address = SocketAddr::from((host, 8000));
        let machine = Self { systemd, address, dir: TempDir::new() };
        machine.dir.write("m.pt", "double");
        let config = format!("[server]\nhost = \"{host}\"\n[models.m]\npath = \"m.pt\"\n");
        machine.dir.write("forge.toml", config);
        Some(machine)
    }

    /// Installs a file of `deploy/systemd` under this name.
    fn install(&self, file: &str, name: &str) {
        let text = fs::read_to_string(checkout().join("deploy/systemd").join(file)).unwrap();
        let is_kept = |line: &&str| {
            let key = line.split('=').next().unwrap_or_default();
            line.starts_with('[') || KEPT.contains(&key)
        };
        let text: Vec<&str> = text.lines().filter(is_kept).collect();
        let config = self.dir.path().join("forge.toml");
        let worker = program("forge-test-worker");
        let arguments = format!("{} --worker {}", config.display(), worker.display());
        let forge = program("forge").display().to_string();
        let text = text
            .join("\n")
            .replace("/opt/forge/bin/forge", &forge)
            .replace("/opt/forge-%i-linux-x86_64/bin/forge", &forge)
            .replace("/etc/forge/forge.toml", &arguments)
            .replace("127.0.0.1:8000", &self.address.to_string());
        self.systemd.unit(name, &text);
    }

    fn double(&self, number: u32) -> Value {
        let mut connection = Connection::open(self.address);
        let body = json!({"input": [number]}).to_string();
        connection.request("POST", "/v1/m/predict", &[], body.as_bytes());
        connection.response().output()
    }
}

#[test]
fn the_unit_is_started_when_its_models_are_ready_and_stops_cleanly() {
    let Some(machine) = Machine::new() else { return };
    machine.install("forge.service", "forge.service");
    let systemd = &machine.systemd;
    systemd.must(&["start", "forge"]);
    assert_eq!(machine.double(4), json!([8.0]));
    let socket = machine.systemd.runtime_dir().join("forge/forge.sock");
    let status = finish(forge(&["ctl", "--socket"]).arg(socket).arg("status"));
    assert_eq!(status.code(), 0, "{}", status.stderr);
    until("the status is shown", || systemd.property("forge", "StatusText") == "serving 1 model");
    let first = machine.systemd.main_process("forge");
    systemd.must(&["reload", "forge"]);
    assert_eq!(machine.systemd.main_process("forge"), first);
    assert_eq!(machine.double(5), json!([10.0]));
    systemd.must(&["stop", "forge"]);
    assert!(!first.exists());
    assert_eq!(systemd.property("forge", "Result"), "success");
    assert_eq!(systemd.property("forge", "ExecMainStatus"), "0");
}

#[test]
fn a_router_that_stands_still_is_started_again() {
    let Some(machine) = Machine::new() else { return };
    machine.install("forge.service", "forge.service");
    machine.systemd.unit("forge.service.d/soon.conf", "[Service]\nWatchdogSec=2\nRestartSec=0\n");
    machine.systemd.must(&["start", "forge"]);
    let first = machine.systemd.main_process("forge");
    first.signal(Signal::SIGSTOP);
    until("another one runs", || {
        !first.exists() && machine.systemd.property("forge", "ActiveState") == "active"
    });
    assert_eq!(machine.systemd.property("forge", "NRestarts"), "1");
    assert_eq!(machine.double(4), json!([8.0]));
}

#[test]
fn a_restart_behind_the_socket_unit_refuses_no_connection() {
    let Some(machine) = Machine::new() else { return };
    machine.install("forge.service", "forge.service");
    machine.install("forge.socket", "forge.socket");
    machine.systemd.must(&["start", "forge.socket", "forge.service"]);
    let first = machine.systemd.main_process("forge");
    let load = Load::at(machine.address).restless().start();
    load.wait_for(300);
    machine.systemd.must(&["restart", "forge"]);
    load.wait_for(300);
    load.finish().assert_clean();
    assert_ne!(machine.systemd.main_process("forge"), first);
}

#[test]
fn one_version_replaces_another_under_load_without_a_gap() {
    let Some(machine) = Machine::new() else { return };
    machine.install("forge.service", "forge.service");
    machine.install("forge.service", "forge@.service");
    machine.install("forge-instance.conf", "forge@.service.d/forge-instance.conf");
    machine.install("forge.socket", "forge.socket");
    let systemd = &machine.systemd;
    systemd.must(&["start", "forge.socket", "forge@0.3.0"]);
    let load = Load::at(machine.address).restless().start();
    load.wait_for(300);
    systemd.must(&["start", "forge@0.4.0"]);
    load.wait_for(300);
    systemd.must(&["stop", "forge@0.3.0"]);
    load.wait_for(300);
    load.finish().assert_clean();
    assert_eq!(systemd.property("forge@0.3.0", "Result"), "success");
    assert_eq!(systemd.property("forge@0.4.0", "StatusText"), "serving 1 model");
    assert_eq!(systemd.property("forge.service", "ActiveState"), "inactive");
    assert_eq!(systemd.property("forge@0.4.0", "NRestarts"), "0");
}
