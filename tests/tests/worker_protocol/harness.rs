//! A test worker, and a router that is nothing but its control socket.
//!
//! Every wait has a deadline and ends by an event: a message, a doorbell, the end of a pipe.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use forge_ipc::{
    ControlSocket, FromWorker, Geometry, LoadModel, Probe, Rehearsal, RouterEnd, Setting,
    Signature, TensorMeta, ToWorker,
};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::Pid;

use crate::ring::Ring;

/// Far beyond anything a healthy worker needs, so that only a broken one meets it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const WORKER: &str = env!("CARGO_BIN_EXE_forge-test-worker");

/// A worker process and the router's end of its control socket.
pub(crate) struct Worker {
    child: Child,
    stdout: ChildStdout,
    pub(crate) control: Option<ControlSocket>,
}

impl Worker {
    /// Starts a worker and hears its hello.
    pub(crate) fn start() -> (Self, FromWorker) {
        let (control, theirs) = ControlSocket::pair().unwrap();
        let mut child = Command::new(WORKER)
            .args(["--model", "test", "--version", "1", "--worker", "0"])
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().unwrap();
        let worker = Self { child, stdout, control: Some(control) };
        let hello = worker.receive();
        (worker, hello)
    }

    /// Starts a worker that has loaded `script`.
    pub(crate) fn loaded(script: &str) -> Self {
        let (worker, _) = Self::start();
        worker.load(script, &[]);
        assert!(matches!(worker.receive(), FromWorker::Loaded(Signature { .. })));
        worker
    }

    /// Starts a worker that serves `script` over rings of `frames` frames.
    pub(crate) fn serving(script: &str, frames: u32) -> (Self, Ring) {
        let worker = Self::loaded(script);
        let geometry = Geometry::new(frames, 4096, 4096).unwrap();
        let (ring, fds) = RouterEnd::create(geometry).unwrap();
        worker.send(&ToWorker::Attach(geometry), &fds.borrow());
        assert!(matches!(worker.receive(), FromWorker::Attached));
        (worker, Ring::new(ring))
    }

    pub(crate) fn load(&self, script: &str, cpus: &[usize]) {
        let settings = LoadModel {
            model: "test".to_owned(),
            version: 1,
            worker: 0,
            device: "cpu".to_owned(),
            threads: 1,
            cpus: cpus.to_vec(),
            batching: true,
        };
        self.send(&ToWorker::Load(settings), &[model_file(script).as_fd()]);
    }

    pub(crate) fn probe(&self, inputs: &[TensorMeta]) -> FromWorker {
        self.send(&ToWorker::Probe(Probe { inputs: inputs.to_vec() }), &[]);
        self.receive()
    }

    pub(crate) fn rehearse(&self, batch: &[TensorMeta]) -> FromWorker {
        let asked =
            Rehearsal { batches: vec![batch.to_vec()], check_rows: false, setting: Setting::Plain };
        self.send(&ToWorker::Rehearse(asked), &[]);
        self.receive()
    }

    pub(crate) fn send(&self, message: &ToWorker, fds: &[BorrowedFd<'_>]) {
        self.control.as_ref().unwrap().send(message, fds).unwrap();
    }

    pub(crate) fn receive(&self) -> FromWorker {
        let control = self.control.as_ref().unwrap();
        wait_for(control.as_fd(), PollFlags::POLLIN, "a message of the worker");
        control.receive::<FromWorker>().unwrap().message
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap())
    }

    /// How the process ended, and what it had printed to stdout and stderr.
    pub(crate) fn end(mut self) -> (Ended, String, String) {
        let (mut out, mut err) = (String::new(), String::new());
        read_to_end(&mut self.stdout, &mut out);
        read_to_end(self.child.stderr.as_mut().unwrap(), &mut err);
        (Ended::from(self.child.wait().unwrap()), out, err)
    }

    /// How the process ended.
    pub(crate) fn ended(self) -> Ended {
        self.end().0
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Only where a test failed before the worker ended; otherwise there is nobody to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An exit code or a signal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Code(i32),
    Signal(i32),
}

impl From<ExitStatus> for Ended {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, signal) => Self::Signal(signal.unwrap()),
        }
    }
}

/// A file with this text that is gone with its descriptor.
fn model_file(script: &str) -> OwnedFd {
    let mut file = File::from(memfd_create("model", MFdFlags::MFD_CLOEXEC).unwrap());
    file.write_all(script.as_bytes()).unwrap();
    file.into()
}

fn read_to_end(pipe: &mut (impl Read + AsFd), into: &mut String) {
    let mut chunk = [0; 4096];
    loop {
        wait_for(pipe.as_fd(), PollFlags::POLLIN, "the end of the worker");
        match pipe.read(&mut chunk).unwrap() {
            0 => return,
            read => into.push_str(std::str::from_utf8(&chunk[..read]).unwrap()),
        }
    }
}

fn wait_for(fd: BorrowedFd<'_>, event: PollFlags, what: &str) {
    let patience = PollTimeout::try_from(PATIENCE).unwrap();
    let ready = poll(&mut [PollFd::new(fd, event)], patience).unwrap();
    assert_eq!(ready, 1, "waited {PATIENCE:?} for {what}");
}
