//! What a model must not do: end, hang, or keep a CPU for itself.

use std::time::{Duration, Instant};
use std::{hint, process, thread};

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
