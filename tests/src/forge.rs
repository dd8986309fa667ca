//! A running Forge.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::sync::OnceLock;
use std::thread;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::captured::Captured;
use crate::command::{Finished, finish, forge};
use crate::http::{Connection, Response};
use crate::process::Process;
use crate::scrape::Scrape;
use crate::setup::Setup;
use crate::temp_dir::TempDir;
use crate::waiting::{PATIENCE, eventually, until, wait_for};

/// A router with its workers. When it is dropped it is asked to end; that it does so cleanly, and
/// that no worker outlives it, is part of every test.
#[derive(Debug)]
pub struct Forge {
    child: Child,
    process: Process,
    address: SocketAddr,
    stdout: Captured,
    log: Captured,
    has_ended: bool,
    /// What it held when it was ready.
    held: OnceLock<Held>,
    /// Its control socket.
    socket: PathBuf,
    /// Its config and its models.
    dir: TempDir,
}

/// What requests could leave behind: descriptors, mapped files, workers.
type Held = (usize, usize, usize);

/// How a Forge ended.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub log: String,
}

impl Forge {
    /// One that serves one test model, with the defaults for the rest.
    pub fn serving(model: &str, script: &str) -> Self {
        Setup::new().test_model(model, script).start()
    }

    pub(crate) fn new(child: Child, dir: TempDir, socket: PathBuf) -> Self {
        let process = Process::new(child.id());
        Self::of(child, process, dir, socket)
    }

    /// The child only waits for Forge, and ends as it ends.
    pub(crate) fn in_a_container(child: Child, dir: TempDir, socket: PathBuf) -> Self {
        let outside = Process::new(child.id());
        let process = eventually("the container has a process", || outside.children().pop());
        Self::of(child, process, dir, socket)
    }

    fn of(mut child: Child, process: Process, dir: TempDir, socket: PathBuf) -> Self {
        let stdout = Captured::of(child.stdout.take().expect("a pipe"));
        let log = Captured::of(child.stderr.take().expect("a pipe"));
        let address = SocketAddr::from(([0, 0, 0, 0], 0));
        Self {
            child,
            process,
            address,
            stdout,
            log,
            has_ended: false,
            held: OnceLock::new(),
            socket,
            dir,
        }
    }

    pub(crate) fn wait_until_listening(mut self) -> Self {
        let listens = || self.process.listens_on().or_else(|| self.fail_if_ended());
        self.address = eventually("forge listens", listens);
        self
    }

    /// Waits for the line on standard output that tells it.
    pub fn wait_until_ready(&self) {
        let line = eventually("forge is ready", || {
            let text = self.stdout.text();
            let line = text.lines().next().map(str::to_owned).filter(|_| text.ends_with('\n'));
            line.or_else(|| self.fail_if_ended())
        });
        assert_eq!(line, format!("ready http://{}", self.address));
        self.held.get_or_init(|| self.holds());
    }

    /// `None` while it runs.
    fn fail_if_ended<T>(&self) -> Option<T> {
        assert!(self.process.is_alive(), "forge has ended: {}", self.log());
        None
    }

    // --- what it answers

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A new connection to it.
    pub fn connect(&self) -> Connection {
        Connection::open(self.address)
    }

    /// Asks, on a new connection.
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        let mut connection = self.connect();
        connection.request(method, path, headers, body);
        connection.response()
    }

    pub fn get(&self, path: &str) -> Response {
        self.ask("GET", path, &[], b"")
    }

    /// Asks a model and waits for its answer.
    pub fn predict(&self, model: &str, body: &Value) -> Response {
        self.predict_text(model, &body.to_string())
    }

    /// Asks a model with a body that need not be JSON.
    pub fn predict_text(&self, model: &str, body: &str) -> Response {
        self.ask("POST", &format!("/v1/{model}/predict"), &[], body.as_bytes())
    }

    /// Asks a model and leaves the answer for later.
    pub fn send_predict(&self, model: &str, body: &Value) -> Connection {
        let mut connection = self.connect();
        let path = format!("/v1/{model}/predict");
        connection.request("POST", &path, &[], body.to_string().as_bytes());
        connection
    }

    /// Writes a file beside its models, where it may be swapped to.
    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        self.dir.write(name, contents)
    }

    /// Asks it to serve another file under a model's name, and waits for what comes of it.
    pub fn swap(&self, model: &str, file: impl AsRef<Path>) -> Response {
        self.send_swap(model, file).response()
    }

    /// Asks for a swap and leaves the answer for later.
    pub fn send_swap(&self, model: &str, file: impl AsRef<Path>) -> Connection {
        self.send_reload(model, &json!({"model_path": file.as_ref()}))
    }

    /// Asks a share of the requests of another file, beside the one that is served.
    pub fn start_canary(&self, model: &str, file: impl AsRef<Path>, share: &str) -> Response {
        let body = json!({"model_path": file.as_ref(), "canary": share});
        self.send_reload(model, &body).response()
    }

    fn send_reload(&self, model: &str, body: &Value) -> Connection {
        let mut connection = self.connect();
        let path = format!("/v1/{model}/reload");
        connection.request("POST", &path, &[], body.to_string().as_bytes());
        connection
    }

    pub fn scrape(&self) -> Scrape {
        let response = self.get("/metrics");
        assert_eq!(response.status, 200);
        Scrape::parse(&response.text())
    }

    /// One value of a scrape; see [`Scrape::value`].
    pub fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.scrape().value(name, labels)
    }

    // --- what steers it

    /// Where its control socket is.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Runs `forge ctl` with these arguments.
    pub fn ctl(&self, arguments: &[&str]) -> Finished {
        finish(forge(&["ctl", "--socket"]).arg(&self.socket).args(arguments))
    }

    // --- what it is

    /// The directory of its config and its models.
    pub fn directory(&self) -> &Path {
        self.dir.path()
    }

    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Its worker processes, oldest first.
    pub fn workers(&self) -> Vec<Process> {
        self.process.children()
    }

    /// What it has open in its directory: the files of models.
    pub fn open_files(&self) -> Vec<String> {
        let all = self.process.descriptors().into_values();
        all.filter(|target| self.is_in_directory(target)).collect()
    }

    fn is_in_directory(&self, target: &str) -> bool {
        Path::new(target).starts_with(self.dir.path())
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// Waits until it has logged a line with all of these words.
    pub fn wait_for_log(&self, words: &[&str]) {
        until(&format!("a line with {words:?} is logged"), || {
            self.log().lines().any(|line| words.iter().all(|word| line.contains(word)))
        });
    }

    // --- how it ends

    /// Asks it to end and waits until it has, with all of its workers.
    pub fn stop(self) -> Ended {
        let workers = self.workers();
        self.process.signal(Signal::SIGTERM);
        let ended = self.wait_until_ended();
        assert!(!workers.iter().any(Process::is_alive), "workers outlived their router");
        ended
    }

    /// Waits until it has ended, by itself or because of a signal.
    pub fn wait_until_ended(mut self) -> Ended {
        self.has_ended = true;
        let status = eventually("forge ends", || self.child.try_wait().expect("its status"));
        until("its log has ended", || self.log.has_ended());
        Ended { status, log: self.log() }
    }

    /// Every client has gone by now, so it comes to hold no more than before the first.
    pub fn assert_nothing_is_left_behind(&self) {
        self.nothing_is_left_behind().unwrap_or_else(|left| panic!("{left}"));
    }

    fn nothing_is_left_behind(&self) -> Result<(), String> {
        let Some(before) = self.held.get() else { return Ok(()) };
        let is_back = || {
            let now = self.holds();
            (now.0 <= before.0 && now.1 <= before.1 && now.2 == before.2).then_some(())
        };
        let explain = || format!("forge holds {:?}, at first {before:?}", self.holds());
        wait_for(is_back).ok_or_else(explain)
    }

    fn holds(&self) -> Held {
        let process = &self.process;
        // After a swap it keeps the file of the version before, to go back to.
        let descriptors = process.descriptors().into_values();
        let is_model = |target: &String| self.is_in_directory(target) || target.ends_with(".pt");
        let descriptors = descriptors.filter(|target| !is_model(target)).count();
        (descriptors, process.mapped_files().len(), process.children().len())
    }

    fn end(&mut self) -> Result<(), String> {
        let workers = self.workers();
        // Told once it has ended, as it has to in any case.
        let left_behind = self.nothing_is_left_behind();
        self.process.signal(Signal::SIGTERM);
        let ended = wait_for(|| self.child.try_wait().expect("its status"));
        let Some(status) = ended else {
            self.child.kill().expect("forge can be killed");
            self.child.wait().expect("its status");
            return Err(format!("forge did not end within {PATIENCE:?} after SIGTERM"));
        };
        if !status.success() {
            return Err(format!("forge ended with {status}"));
        }
        match workers.iter().filter(|worker| worker.is_alive()).count() {
            0 => left_behind,
            left => Err(format!("{left} workers outlived their router")),
        }
    }
}

impl Drop for Forge {
    fn drop(&mut self) {
        let complaint = match self.has_ended {
            true => None,
            false => self.end().err(),
        };
        if thread::panicking() || complaint.is_some() {
            eprintln!("--- the log of forge\n{}---", self.log());
        }
        if let Some(complaint) = complaint {
            assert!(thread::panicking(), "{complaint}");
            eprintln!("{complaint}");
        }
    }
}
