//! `forge ctl`: the client of the control socket (`crate::ctl`, whose protocol it speaks).

mod arguments;
mod connection;
mod error;
mod show;
mod table;
mod units;

use std::io::{self, Write};
use std::process::ExitCode;

pub use self::arguments::Ctl;
use self::connection::Connection;
use self::error::CtlError;
use super::exit;
use crate::ctl::exit_code;
use crate::ctl::wire::{Event, Reloaded, Request};

/// Asks the server and shows what it answers.
pub fn run(arguments: Ctl) -> ExitCode {
    let as_json = arguments.json;
    match ask(arguments) {
        Ok(code) => code,
        Err(CtlError::Refused(failure)) if as_json => {
            let code = error::exit_code(&CtlError::Refused(failure.clone()));
            exit::say(&format!("{}\n", serde_json::json!({ "error": failure })), code)
        }
        Err(error) => exit::fail(&error, error::exit_code(&error)),
    }
}

fn ask(arguments: Ctl) -> Result<ExitCode, CtlError> {
    let as_json = arguments.json;
    let request = Request::from(arguments.command);
    let mut connection = Connection::open(arguments.socket)?;
    let is_events = matches!(request, Request::Events { .. });
    let answer = connection.ask(&request, |event| match is_events {
        true => write_event(&mut io::stdout().lock(), event, as_json).map_err(CtlError::Output),
        false => {
            // Progress; that nobody can read it stops nothing.
            drop(write_event(&mut io::stderr().lock(), event, as_json));
            Ok(())
        }
    })?;
    if is_events {
        return Ok(ExitCode::SUCCESS);
    }
    let shown = match as_json {
        true => format!("{answer}\n"),
        false => show::answer(&request, &answer).map_err(CtlError::Answer)?,
    };
    let printed = exit::print(&shown);
    let has_failed_models = serde_json::from_value::<Reloaded>(answer)
        .is_ok_and(|reloaded| !reloaded.failed.is_empty());
    Ok(if has_failed_models { ExitCode::from(exit_code::FAILED) } else { printed })
}

fn write_event(sink: &mut impl Write, event: &Event, as_json: bool) -> io::Result<()> {
    let line = match as_json {
        true => serde_json::to_string(event)?,
        false => show::event(event),
    };
    writeln!(sink, "{line}")?;
    sink.flush()
}
