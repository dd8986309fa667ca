//! The life of the process, from its command line to its exit code.

use std::fmt;
use std::process::ExitCode;

use forge_ipc::{ControlSocket, FromWorker};

use crate::control::{self, HandshakeError, Prepared};
use crate::log::say;
use crate::{Engine, parent_watch, process, serve};

/// The command line was a person's, not the router's (`EX_USAGE`).
const USAGE: u8 = 64;
/// What the router asked for could not be done; it was told why.
const REFUSED: u8 = 1;
/// The operating system refused something a worker cannot do without (`EX_OSERR`).
const SYSTEM: u8 = 71;
/// The router is gone, or said or wrote what it must not (`EX_PROTOCOL`).
const PROTOCOL_BROKEN: u8 = 76;

/// The whole of a worker process: call it from `main` and return its exit code.
///
/// With `--about` first it prints what the engine is and ends. Otherwise fd 0 must be the control socket;
/// the rest of the command line is for `ps` and is not read.
pub fn run<E: Engine>() -> ExitCode {
    // Only there, since a model may be called anything.
    if std::env::args().nth(1).as_deref() == Some("--about") {
        return about::<E>();
    }
    if !process::started_by_router() {
        say("forge-worker is started by forge; use `forge serve`");
        return ExitCode::from(USAGE);
    }
    match prepare_process() {
        Ok(control) => serve_until_retired::<E>(&control),
        Err(error) => {
            say(format_args!("cannot start: {error}"));
            ExitCode::from(SYSTEM)
        }
    }
}

fn about<E: Engine>() -> ExitCode {
    let about = E::describe();
    println!("{}\nCPU capability {}", about.engine, about.capability);
    ExitCode::SUCCESS
}

/// What comes before the first message: afterwards only the router decides when this process ends.
fn prepare_process() -> std::io::Result<ControlSocket> {
    // Before the first thread, because a thread inherits the mask of the one that starts it.
    process::block_signals()?;
    process::volunteer_for_oom_killer();
    process::share_one_heap();
    let control = process::control_socket()?;
    parent_watch::start()?;
    Ok(control)
}

fn serve_until_retired<E: Engine>(control: &ControlSocket) -> ExitCode {
    let Prepared { mut engine, mut ring, batching } = match control::prepare::<E>(control) {
        Ok(Some(prepared)) => prepared,
        Ok(None) => return ExitCode::SUCCESS,
        Err(error) => return refused(control, error),
    };
    match serve::serve(&mut engine, &mut ring, control, batching) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => broken(&error),
    }
}

/// Tells the router what it asked for in vain, if that is what went wrong.
fn refused(control: &ControlSocket, error: HandshakeError) -> ExitCode {
    let HandshakeError::Refused { stage, message } = error else {
        return broken(&error);
    };
    match control.send(&FromWorker::Failed { stage, message }, &[]) {
        Ok(()) => ExitCode::from(REFUSED),
        Err(error) => broken(&error),
    }
}

fn broken(error: &dyn fmt::Display) -> ExitCode {
    say(error);
    ExitCode::from(PROTOCOL_BROKEN)
}
