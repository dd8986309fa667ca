//! A server as a child process that says `ready http://…` on its standard output.

use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use forge_tests::Process;

/// A running server; ended when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// `host:port`
    pub address: String,
    /// From the start of the process to its `ready` line.
    pub start: Duration,
}

impl Server {
    /// Starts `program` and waits for its `ready` line.
    pub fn start(program: &Path, arguments: &[&str]) -> io::Result<Self> {
        Self::start_as(Command::new(program).args(arguments).stderr(Stdio::null()))
    }

    /// Starts a prepared command and waits for its `ready` line; what else it says goes where the
    /// command has its standard error.
    pub fn start_as(command: &mut Command) -> io::Result<Self> {
        let began = Instant::now();
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let start = began.elapsed();
        match line.trim_end().strip_prefix("ready http://") {
            Some(address) => Ok(Self { child, address: address.to_owned(), start }),
            None => {
                drop(child.kill());
                drop(child.wait());
                let program = command.get_program().display();
                Err(io::Error::other(format!("{program} did not become ready")))
            }
        }
    }

    /// The process that was started.
    pub fn process(&self) -> Process {
        Process::new(self.child.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGTERM, so that forge retires its workers; through kill(1), as this crate has no unsafe.
        let asked = Command::new("kill").arg(self.child.id().to_string()).status();
        if !asked.is_ok_and(|status| status.success()) {
            drop(self.child.kill());
        }
        drop(self.child.wait());
    }
}

/// A program of this workspace, beside this one.
pub fn binary(name: &str) -> io::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    if path.is_file() {
        return Ok(path);
    }
    Err(io::Error::other(format!("{} is missing: build it first", path.display())))
}
