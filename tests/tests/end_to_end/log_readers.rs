//! Whoever reads the log cannot hold the server up.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Stdio};

use forge_tests::{
    Connection, Process, Response, Signal, TempDir, eventually, forge, json, program,
};

/// A Forge whose standard error is a pipe in the hands of the test.
struct Served {
    child: Child,
    address: SocketAddr,
    _dir: TempDir,
}

impl Served {
    fn start() -> Self {
        let dir = TempDir::new();
        dir.write("m.pt", "echo");
        let config = "[server]\nport = 0\naccess_log = true\nshutdown_grace_s = 0\n[models.m]\npath = \"m.pt\"\n";
        let config = dir.write("forge.toml", config);
        let worker = program("forge-test-worker");
        let arguments = ["serve", config.to_str().unwrap(), "--worker", worker.to_str().unwrap()];
        let mut command = forge(&arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("ready http://").unwrap().parse().unwrap();
        Self { child, address, _dir: dir }
    }

    fn predict(&self, number: u32) -> Response {
        let mut connection = Connection::open(self.address);
        let body = json!({"input": [number]}).to_string();
        connection.request("POST", "/v1/m/predict", &[], body.as_bytes());
        connection.response()
    }

    fn ends_when_asked(mut self) {
        Process::new(self.child.id()).signal(Signal::SIGTERM);
        let status = eventually("forge ends", || self.child.try_wait().unwrap());
        assert!(status.success(), "{status}");
    }
}

#[test]
fn a_log_that_nobody_reads_holds_up_nobody() {
    let served = Served::start();
    // Far more lines than a pipe takes.
    for number in 0..1500 {
        assert_eq!(served.predict(number).output(), json!([f64::from(number)]));
    }
    served.ends_when_asked();
}

#[test]
fn a_log_whose_reader_is_gone_costs_no_answer_and_no_worker() {
    let mut served = Served::start();
    drop(served.child.stderr.take());
    for number in 0..20 {
        assert_eq!(served.predict(number).output(), json!([f64::from(number)]));
    }
    let router = Process::new(served.child.id());
    for worker in router.children() {
        worker.signal(Signal::SIGKILL);
    }
    eventually("it serves again", || (served.predict(1).status == 200).then_some(()));
    served.ends_when_asked();
}
