//! `forge-bench`: how fast a server answers a model, and whether rightly.
//!
//! ```text
//! arguments ─► prepare (inputs, answers) ─► sweep (a run per level) ─► table, plot, report
//! ```

#![forbid(unsafe_code)]

mod arguments;
mod plot;
mod prepare;
mod progress;
mod report;
mod sweep;
mod table;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use arguments::Arguments;
use report::Report;

/// Nothing could be measured.
const FAILED: u8 = 1;
/// An answer was wrong.
const WRONG: u8 = 2;
/// Requests failed in another way.
const ERRORS: u8 = 3;
/// EX_USAGE of sysexits.h, as forge has it.
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Nobody is left to be told when the terminal is gone.
            drop(error.print());
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
                _ => ExitCode::from(USAGE),
            };
        }
    };
    match measure(&arguments) {
        Ok(report) if report.has_wrong_answers() => ExitCode::from(WRONG),
        Ok(report) if report.has_failures() => ExitCode::from(ERRORS),
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            drop(writeln!(io::stderr(), "forge-bench: {error}"));
            ExitCode::from(FAILED)
        }
    }
}

/// What main tells, whatever it was.
type AnyError = Box<dyn std::error::Error>;

fn measure(arguments: &Arguments) -> Result<Report, AnyError> {
    allow_many_connections();
    // One thread: it shares its CPUs with the server.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(async {
        let prepared = prepare::prepare(arguments).await?;
        Ok::<_, AnyError>(sweep::sweep(arguments, prepared).await?)
    })?;
    if let Some(path) = &arguments.json {
        write(path, &report.to_json()?)?;
    }
    if let Some(path) = &arguments.plot {
        write(path, &plot::chart(&report).to_svg())?;
    }
    if arguments.json.as_deref() != Some(Path::new("-")) {
        io::stdout().write_all(table::table(&report).as_bytes())?;
    }
    io::stderr().write_all(table::notes(&report).as_bytes())?;
    Ok(report)
}

fn write(path: &Path, text: &str) -> Result<(), AnyError> {
    let written = match path == Path::new("-") {
        true => io::stdout().write_all(text.as_bytes()),
        false => std::fs::write(path, text),
    };
    written.map_err(|error| format!("cannot write {}: {error}", path.display()).into())
}

/// The soft limit of descriptors is often 1024. Where it stays, connecting tells so.
fn allow_many_connections() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}
