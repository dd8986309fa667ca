//! `forge`: everything a person types.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    forge_router::cli::run()
}
