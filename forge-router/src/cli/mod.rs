//! Everything a person types.

mod arguments;
mod check;
mod completions;
mod ctl;
mod exit;
mod python_program;
mod serve;
mod version;

use std::process::ExitCode;

use clap::Parser;

use self::arguments::{Arguments, Command};

/// The config that is meant when none is named.
const DEFAULT_CONFIG: &str = "forge.toml";

/// Reads the command line and does what it says.
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return exit::usage(&error),
    };
    match arguments.command {
        _ if arguments.version => version::print(),
        Some(Command::Serve(serve)) => self::serve::run(serve),
        Some(Command::Check(check)) => self::check::run(check),
        Some(Command::Ctl(ctl)) => self::ctl::run(ctl),
        Some(Command::Completions(completions)) => self::completions::print(&completions),
        None => exit::help(),
    }
}
