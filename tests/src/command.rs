//! Commands that are run to their end.

use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, process};

use crate::captured::Captured;
use crate::programs::program;
use crate::waiting::{eventually, until};

/// What became of a command.
#[derive(Debug)]
pub struct Finished {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    /// The exit code; panics where a signal ended it.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| panic!("ended by {}: {}", self.status, self.stderr))
    }
}

/// `forge` with these arguments. A server gets a control socket of its own: as root all of them would
/// want the same. Where it does not come to serve, or ends by itself, no file is left.
pub fn forge(arguments: &[&str]) -> Command {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let mut command = Command::new(program("forge"));
    command.args(arguments);
    if arguments.first() == Some(&"serve") {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("forge-test-{}-{number}.sock", process::id());
        command.arg("--socket").arg(env::temp_dir().join(name));
    }
    command
}

/// Runs a command to its end, with nothing to read on its standard input.
pub fn finish(command: &mut Command) -> Finished {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command starts");
    let stdout = Captured::of(child.stdout.take().expect("a pipe"));
    let stderr = Captured::of(child.stderr.take().expect("a pipe"));
    let status = eventually("the command has ended", || child.try_wait().expect("its status"));
    until("its pipes have ended", || stdout.has_ended() && stderr.has_ended());
    Finished { status, stdout: stdout.text(), stderr: stderr.text() }
}
