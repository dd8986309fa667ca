//! What a model must not do: end, hang, or keep a CPU for itself.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};
use std::{hint, process, thread};

use forge_worker::EngineError;

use nix::sys::signal::{Signal, raise};

/// Ends by `signal`. The first one may only take away Rust's own handler, which expects a real fault
/// to come again.
pub(super) fn die(signal: Signal) -> ! {
    loop {
        if raise(signal).is_err() {
            process::abort();
        }
    }
}

pub(super) fn hang() -> ! {
    loop {
        thread::sleep(Duration::from_secs(3600));
    }
}

/// Keeps one CPU busy.
pub(super) fn burn(time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        hint::spin_loop();
    }
}

/// Takes so long, and tells a file when it begins and when it ends.
pub(super) fn slow_load(time: Duration, told: Option<&Path>) -> Result<(), EngineError> {
    tell(told, "begun\n")?;
    thread::sleep(time);
    tell(told, "done\n")
}

/// Appends a line in one write, which those of other processes cannot tear.
fn tell(file: Option<&Path>, line: &str) -> Result<(), EngineError> {
    let Some(file) = file else { return Ok(()) };
    let opened = OpenOptions::new().append(true).create(true).open(file);
    opened
        .and_then(|mut file| file.write_all(line.as_bytes()))
        .map_err(|error| EngineError::Load(format!("cannot write to {}: {error}", file.display())))
}
