//! What forge ends with: 0, or one of these (sysexits.h where it has a number for it).

use std::io::Write;
use std::process::ExitCode;

use clap::CommandFactory;
use clap::error::ErrorKind;

use super::arguments::Arguments;

/// The command line is wrong (EX_USAGE).
pub const USAGE: u8 = 64;

/// The config is wrong (EX_CONFIG).
pub const CONFIG: u8 = 78;

/// A model cannot be served, or the machine refuses something.
pub const FAILED: u8 = 1;

/// Tells what is wrong with the command line, or what was asked with `--help`.
pub fn usage(error: &clap::Error) -> ExitCode {
    // Nobody is left to be told when the terminal is gone.
    drop(error.print());
    match error.kind() {
        ErrorKind::DisplayHelp => ExitCode::SUCCESS,
        _ => ExitCode::from(USAGE),
    }
}

/// Shows what forge can do, as an answer to having been asked for nothing.
pub fn help() -> ExitCode {
    say(&Arguments::command().render_help().to_string(), USAGE)
}

/// Tells an error in one line.
pub fn fail(error: &dyn std::error::Error, code: u8) -> ExitCode {
    say(&format!("forge: {error}\n"), code)
}

/// Says something on standard error; the exit code tells it where nobody can read that.
pub fn say(text: &str, code: u8) -> ExitCode {
    drop(std::io::stderr().write_all(text.as_bytes()));
    ExitCode::from(code)
}

/// Prints what was asked for; that nobody can read it is an error.
pub fn print(text: &str) -> ExitCode {
    let mut stdout = std::io::stdout();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, FAILED),
    }
}
