//! A model that does what the first number of a row tells it, whatever that is.

use std::process;

use forge_ipc::{InputView, OutputSink};
use forge_worker::EngineError;
use nix::sys::signal::Signal;

use super::acts::{die, hang};
use super::words::{How, When};
use super::{lie, multiply, rows};

/// Float32 times `factor`, unless a row asks for something else.
pub(super) fn run(
    factor: i16,
    inputs: &[InputView<'_>],
    rows: u32,
    out: &mut dyn OutputSink,
) -> Result<(), EngineError> {
    let asked = |trigger: fn(f32) -> bool| rows::asked(When::Row, trigger, inputs, rows);
    match () {
        () if asked(|first| first == 666.0) => die(Signal::SIGSEGV),
        () if asked(|first| first == 333.0) => die(Signal::SIGABRT),
        () if asked(|first| first == 222.0) => die(Signal::SIGILL),
        () if asked(|first| first == 777.0) => hang(),
        () if asked(|first| first == 444.0) => process::exit(0),
        () if asked(|first| first == 555.0) => lie(How::Random, inputs, out),
        () if asked(|first| first < 0.0) => Err(EngineError::Threw("a negative row".to_owned())),
        () => multiply(factor, inputs, out),
    }
}
