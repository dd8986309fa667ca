//! The talk before the rings: hello, load, any number of rehearsals and probes, attach.

use std::fmt::Display;
use std::os::fd::OwnedFd;

use forge_ipc::{
    Arguments, BatchView, ControlError, ControlSocket, FromWorker, Geometry, LoadModel, PROTOCOL,
    PeerFds, Probe, Received, Stage, TensorMeta, ToWorker, WorkerEnd,
};

use crate::measure::Measure;
use crate::rows_first::RowsFirst;
use crate::sample::Sample;
use crate::{Engine, EngineError, ModelFile, affinity, rehearse};

/// Longest text of a failure in bytes, so that the message stays well under one packet.
const LONGEST_FAILURE: usize = 16 * 1024;

/// A worker that can take batches.
pub(crate) struct Prepared<E> {
    pub(crate) engine: E,
    pub(crate) ring: WorkerEnd,
    pub(crate) batching: bool,
}

/// Talks to the router until the model is loaded and the rings are attached. `None`: it was told
/// to retire before that.
///
/// # Errors
///
/// [`HandshakeError::Refused`] is the router's to hear; with the others there is no talking to it.
pub(crate) fn prepare<E: Engine>(
    control: &ControlSocket,
) -> Result<Option<Prepared<E>>, HandshakeError> {
    let about = E::describe();
    let hello = FromWorker::Hello {
        protocol: PROTOCOL,
        engine: about.engine,
        capability: about.capability,
    };
    control.send(&hello, &[])?;
    let (mut engine, settings) = match control.receive()? {
        Received { message: ToWorker::Load(settings), fds } => {
            (load::<E>(&settings, fds)?, settings)
        }
        Received { message: ToWorker::Retire, .. } => return Ok(None),
        _ => return Err(HandshakeError::OutOfTurn),
    };
    control.send(&FromWorker::Loaded(engine.signature().clone()), &[])?;
    let batching = settings.batching;
    loop {
        match control.receive()? {
            Received { message: ToWorker::Rehearse(asked), .. } => {
                let setting = rehearse::rehearse(&mut engine, &asked, settings.optimize)
                    .map_err(|error| refusal(Stage::Rehearse, &error))?;
                control.send(&FromWorker::Rehearsed { setting }, &[])?;
            }
            Received { message: ToWorker::Probe(asked), .. } => {
                control.send(&probe(&mut engine, &asked, batching)?, &[])?;
            }
            Received { message: ToWorker::Attach(geometry), fds } => {
                let ring = attach(geometry, fds)?;
                control.send(&FromWorker::Attached, &[])?;
                return Ok(Some(Prepared { engine, ring, batching }));
            }
            Received { message: ToWorker::Retire, .. } => return Ok(None),
            Received { message: ToWorker::Load(_) | ToWorker::Settle, .. } => {
                return Err(HandshakeError::OutOfTurn);
            }
        }
    }
}

/// Why the rings were never attached.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeError {
    /// The router asked for something that cannot be done; the text is for it.
    #[error("{message}")]
    Refused { stage: Stage, message: String },
    /// The router: a message that does not belong here.
    #[error("control socket: a message out of turn")]
    OutOfTurn,
    /// The router, or the socket to it.
    #[error("control socket: {0}")]
    Control(#[from] ControlError),
}

fn load<E: Engine>(settings: &LoadModel, fds: Vec<OwnedFd>) -> Result<E, HandshakeError> {
    let refused = |error: &dyn Display| refusal(Stage::Load, error);
    let [file] =
        <[OwnedFd; 1]>::try_from(fds).map_err(|fds| refused(&wrong_count(fds.len(), 1)))?;
    affinity::pin(&settings.cpus).map_err(|error| refused(&error))?;
    E::load(&ModelFile::new(file), settings).map_err(|error| refused(&error))
}

/// Runs the model once on zeros; on ones where it does not take zeros, as a mask that hides everything.
fn probe<E: Engine>(
    engine: &mut E,
    asked: &Probe,
    batching: bool,
) -> Result<FromWorker, HandshakeError> {
    let refused = |error: &dyn Display| refusal(Stage::Probe, error);
    let first = asked.inputs.first().filter(|_| batching);
    let rows = first.and_then(|meta| meta.shape.dims().first()).copied();
    let rows = u32::try_from(rows.unwrap_or(1)).map_err(|error| refused(&error))?;
    let run = |engine: &mut E, value| {
        let sample =
            Sample::filled(&asked.inputs, value).ok_or_else(|| no_memory(&asked.inputs))?;
        let inputs = sample.views();
        let mut measure = Measure::default();
        let batch = BatchView { rows, inputs: &inputs, arguments: Arguments::in_order() };
        RowsFirst::new(batching).run(engine, &batch, &mut measure).map(|()| measure)
    };
    let measure = match run(engine, 0.0) {
        // What is wrong with zeros is told, should ones be no better.
        Err(EngineError::Threw(cause)) => {
            run(engine, 1.0).map_err(|_| refused(&EngineError::Threw(cause)))?
        }
        outcome => outcome.map_err(|error| refused(&error))?,
    };
    let (outputs, bytes) = measure.into_parts();
    Ok(FromWorker::Probed { outputs, bytes })
}

fn no_memory(inputs: &[TensorMeta]) -> EngineError {
    let inputs: Vec<_> =
        inputs.iter().map(|meta| format!("{} {}", meta.dtype, meta.shape)).collect();
    EngineError::OutOfMemory(format!("no memory for an input of {}", inputs.join(", ")))
}

fn attach(geometry: Geometry, fds: Vec<OwnedFd>) -> Result<WorkerEnd, HandshakeError> {
    let refused = |error: &dyn Display| refusal(Stage::Attach, error);
    let received = fds.len();
    let fds = PeerFds::from_received(fds).ok_or_else(|| refused(&wrong_count(received, 4)))?;
    WorkerEnd::attach(geometry, fds).map_err(|error| refused(&error))
}

fn wrong_count(received: usize, expected: usize) -> String {
    format!("the message came with {received} descriptors instead of {expected}")
}

fn refusal(stage: Stage, error: &dyn Display) -> HandshakeError {
    let mut message = error.to_string();
    while message.len() > LONGEST_FAILURE {
        message.pop();
    }
    HandshakeError::Refused { stage, message }
}
