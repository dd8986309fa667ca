//! What a worker has to say besides its control messages: plain lines on stderr, which the router
//! logs with the model, the version and the worker.

use std::fmt;
use std::io::Write;

/// Writes one line to stderr.
pub fn say(line: impl fmt::Display) {
    // `eprintln!` would panic once the router no longer reads the pipe, and there is nobody else to
    // tell.
    let _ = writeln!(std::io::stderr(), "{line}");
}
