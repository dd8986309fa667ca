//! `forge --version`

use std::process::ExitCode;

use super::exit;
use crate::worker_binary;

/// Prints forge's version and what its worker says of libtorch and the CPU.
pub fn print() -> ExitCode {
    println!("forge {}", env!("CARGO_PKG_VERSION"));
    match worker_binary::find().and_then(|path| worker_binary::about(&path)) {
        Ok(about) => {
            println!("{about}");
            ExitCode::SUCCESS
        }
        Err(error) => exit::fail(&error, exit::FAILED),
    }
}
