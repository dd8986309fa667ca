//! One worker process: how it is started, what it prints and how it ended.

use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::output::{self, LastLines, Origin};
use crate::config::WorkerConfig;
use crate::service::{self, Awaited};

/// How long the last words of an ended process are waited for: a grandchild may hold its pipes.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// A running worker. Dropping it kills the process.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// After the child, so that it has been waited for when this says so.
    _awaited: Awaited,
    last_lines: LastLines,
    pipes: Vec<JoinHandle<()>>,
}

/// How a worker process ended, in words for a person.
#[derive(Clone, Debug)]
pub struct Ended {
    /// "exit status 1" or "killed by SIGSEGV".
    pub how: String,
    /// What it printed last; may be empty.
    pub last_words: String,
    pub code: Option<i32>,
    pub signal: Option<Signal>,
}

#[derive(Debug, thiserror::Error)]
#[error("{} cannot be started: {source}", path.display())]
pub struct SpawnError {
    path: PathBuf,
    source: std::io::Error,
}

impl Process {
    /// Starts `binary` with its end of the control socket as standard input. The process gets a
    /// group of its own, so that Ctrl-C in a terminal reaches only the router, which decides.
    pub fn spawn(
        binary: &Path,
        control: OwnedFd,
        origin: &Origin,
        config: &WorkerConfig,
    ) -> Result<Self, SpawnError> {
        let mut command = Command::new(binary);
        command
            .args(["--model", &origin.model])
            .args(["--version", &origin.version.to_string()])
            .args(["--worker", &origin.worker.to_string()])
            .args(["--device", &config.device.to_string()])
            // libgomp reads these before `main`. Its default is to spin at the end of every
            // parallel region, which takes the core from the router: docs/performance.md has what
            // that costs.
            .env("OMP_NUM_THREADS", config.threads.to_string())
            .env("OMP_WAIT_POLICY", "PASSIVE")
            .stdin(Stdio::from(control))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        for variable in service::OWN_ENVIRONMENT {
            command.env_remove(variable);
        }
        let (mut child, awaited) = service::spawn(&mut command)
            .map_err(|source| SpawnError { path: binary.to_owned(), source })?;
        let last_lines = LastLines::default();
        let mut pipes = Vec::with_capacity(2);
        if let Some(pipe) = child.stdout.take() {
            let lines = last_lines.clone();
            pipes.push(tokio::spawn(output::follow(pipe, "stdout", origin.clone(), lines)));
        }
        if let Some(pipe) = child.stderr.take() {
            let lines = last_lines.clone();
            pipes.push(tokio::spawn(output::follow(pipe, "stderr", origin.clone(), lines)));
        }
        Ok(Self { child, _awaited: awaited, last_lines, pipes })
    }

    /// The process's number; 0 once it has been waited for.
    pub fn pid(&self) -> u32 {
        self.child.id().unwrap_or(0)
    }

    /// Waits until the process has ended by itself.
    pub async fn ended(&mut self) -> Ended {
        let status = self.child.wait().await;
        self.last_words(status).await
    }

    /// Ends the process at once and says how it ended.
    pub async fn kill(&mut self) -> Ended {
        // An error means that it has ended already.
        drop(self.child.start_kill());
        self.ended().await
    }

    async fn last_words(&mut self, status: std::io::Result<ExitStatus>) -> Ended {
        let reading = async {
            for pipe in self.pipes.drain(..) {
                // A reader that panicked has nothing more to say.
                drop(pipe.await);
            }
        };
        // Whatever was read until then is what can be reported.
        drop(tokio::time::timeout(LAST_WORDS, reading).await);
        let last_words = self.last_lines.text();
        match status {
            Ok(status) => {
                let signal = status.signal().and_then(|number| Signal::try_from(number).ok());
                Ended { how: describe(status), last_words, code: status.code(), signal }
            }
            Err(error) => {
                let how = format!("lost: {error}");
                Ended { how, last_words, code: None, signal: None }
            }
        }
    }
}

impl Ended {
    /// Whether the program itself did something that it must not: what a request can bring about.
    /// SIGKILL, which the OOM killer sends, and an exit are none.
    pub fn is_fault(&self) -> bool {
        use Signal::{SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV};
        self.signal.is_some_and(|it| [SIGSEGV, SIGBUS, SIGILL, SIGABRT, SIGFPE].contains(&it))
    }

    /// One cause: how it ended and what it said.
    pub fn cause(&self) -> String {
        match self.last_words.as_str() {
            "" => self.how.clone(),
            words => format!("{}; it said: {words}", self.how),
        }
    }
}

fn describe(status: ExitStatus) -> String {
    if let Some(code) = status.code() {
        return format!("exit status {code}");
    }
    match status.signal().map(Signal::try_from) {
        Some(Ok(signal)) => format!("killed by {signal}"),
        _ => status.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ending_is_told_in_words() {
        for (raw, words) in
            [(0, "exit status 0"), (1 << 8, "exit status 1"), (11, "killed by SIGSEGV")]
        {
            assert_eq!(describe(ExitStatus::from_raw(raw)), words);
        }
    }
}
