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
use crate::{Chosen, Engine, EngineError, ModelFile, Stopwatch, affinity, loader, rehearse};

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
    let (settings, file) = match control.receive()? {
        Received { message: ToWorker::Load(settings), fds } => (settings, model_file(fds)?),
        Received { message: ToWorker::Retire, .. } => return Ok(None),
        _ => return Err(HandshakeError::OutOfTurn),
    };
    // The loader inherits the CPUs.
    affinity::pin(&settings.cpus).map_err(|error| refusal(Stage::Load, &error))?;
    E::set_up_thread(&settings).map_err(|error| refusal(Stage::Load, &error))?;
    let tried = loader::run(|| load_and_try::<E>(control, &settings, file))
        .map_err(|error| refusal(Stage::Load, &format!("no thread to load in: {error}")))??;
    let Some(Tried { engine, geometry, fds }) = tried else { return Ok(None) };
    let ring = attach(geometry, fds)?;
    control.send(&FromWorker::Attached, &[])?;
    Ok(Some(Prepared { engine, ring, batching: settings.batching }))
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

fn model_file(fds: Vec<OwnedFd>) -> Result<ModelFile, HandshakeError> {
    let [file] = <[OwnedFd; 1]>::try_from(fds)
        .map_err(|fds| refusal(Stage::Load, &wrong_count(fds.len(), 1)))?;
    Ok(ModelFile::new(file))
}

/// A model that ran in rehearsals and probes, and what the router sent for its rings.
struct Tried<E> {
    engine: E,
    geometry: Geometry,
    fds: Vec<OwnedFd>,
}

/// The part of the talk that takes time, on a thread that nobody waits for but this worker.
fn load_and_try<E: Engine>(
    control: &ControlSocket,
    settings: &LoadModel,
    file: ModelFile,
) -> Result<Option<Tried<E>>, HandshakeError> {
    let mut engine: E = E::set_up_thread(settings)
        .and_then(|()| E::load(&file, settings))
        .map_err(|error| refusal(Stage::Load, &error))?;
    drop(file);
    control.send(&FromWorker::Loaded(engine.signature().clone()), &[])?;
    loop {
        match control.receive()? {
            Received { message: ToWorker::Rehearse(asked), .. } => {
                let Chosen { name, told } = rehearse::rehearse(&mut engine, &asked)
                    .map_err(|error| refusal(Stage::Rehearse, &error))?;
                control.send(&FromWorker::Rehearsed { setting: name, told }, &[])?;
            }
            Received { message: ToWorker::Probe(asked), .. } => {
                control.send(&probe(&mut engine, &asked, settings.batching)?, &[])?;
            }
            Received { message: ToWorker::Attach(geometry), fds } => {
                return Ok(Some(Tried { engine, geometry, fds }));
            }
            Received { message: ToWorker::Retire, .. } => return Ok(None),
            Received { message: ToWorker::Load(_) | ToWorker::Settle, .. } => {
                return Err(HandshakeError::OutOfTurn);
            }
        }
    }
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
        let watch = &mut Stopwatch::start();
        RowsFirst::new(batching).run(engine, &batch, &mut measure, watch).map(|()| measure)
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
