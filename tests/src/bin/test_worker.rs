//! The worker of the tests: the shipped loop around engines that misbehave on request.

#![forbid(unsafe_code)]

#[path = "../engines/mod.rs"]
mod engines;

use std::process::ExitCode;

fn main() -> ExitCode {
    forge_worker::run::<engines::TestEngine>()
}
