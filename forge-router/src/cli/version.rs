//! `forge --version`

use std::process::ExitCode;

use super::exit;
use crate::worker_binary;

/// Prints forge's version and what its worker says of libtorch and the CPU.
pub fn print() -> ExitCode {
    let forge = format!("forge {}\n", env!("CARGO_PKG_VERSION"));
    match worker_binary::find().and_then(|path| worker_binary::about(&path)) {
        Ok(about) => exit::print(&format!("{forge}{about}\n")),
        Err(error) => {
            let printed = exit::print(&forge);
            if printed == ExitCode::SUCCESS { exit::fail(&error, exit::FAILED) } else { printed }
        }
    }
}
