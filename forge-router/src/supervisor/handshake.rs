//! From a fresh process to a worker on its rings.
//!
//! ```text
//! worker                         router
//!   Hello{protocol, engine} ──────►
//!          ◄────── Load{model, device, threads, cpus} + model file
//!   Loaded{signature} ────────────►  joins it with the config
//!          ◄────── Rehearse{batches}                               (declared inputs only)
//!   Rehearsed{setting} ───────────►  tells it
//!          ◄────── Probe{inputs at 1 row, then at max_batch_size}   (no dimension free)
//!   Probed{outputs, bytes} ───────►  sizes the regions, checks the memory, creates them
//!          ◄────── Attach{geometry} + 2 regions + 2 doorbells
//!   Attached ─────────────────────►
//! ```

use std::os::fd::AsFd;
use std::sync::Arc;

use forge_ipc::{
    ControlError, FromWorker, Geometry, GeometryError, LoadModel, PROTOCOL, PeerFds, Probe,
    RegionError, Rehearsal, RouterEnd, Setting, Signature, TensorMeta, ToWorker,
};

use tracing::info;

use super::control::Control;
use super::incarnation::Turn;
use super::plan::WorkerPlan;
use crate::config::FRAMES_PER_WORKER;
use crate::dispatch::WorkerLink;
use crate::logging::one_line;
use crate::model::{Interface, InterfaceError};
use crate::system;

/// What the handshake brought.
#[derive(Debug)]
pub struct Attached {
    pub link: Arc<WorkerLink>,
    pub interface: Interface,
}

/// Why a process did not become a worker.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The worker's own words: about the model, its file or its device.
    #[error("{0}")]
    Model(String),
    /// The model does not run on what the config declares.
    #[error("{cause} (it was run on {rows} row{} of zeros, as its config declares its inputs{})", s(*rows), hint(*batched))]
    Declared { rows: u64, batched: bool, cause: String },
    #[error("{0}")]
    Interface(#[from] InterfaceError),
    #[error("output {index} has shape {shape} for {rows} rows, expected rows first")]
    OutputShape { index: usize, shape: String, rows: u64 },
    #[error(
        "its rings take {needed} bytes, but {available} bytes of memory are available: lower \
         max_batch_size, workers or frame_bytes"
    )]
    Memory { needed: u64, available: u64 },
    #[error("the worker speaks protocol {theirs}, this forge {PROTOCOL}: install them together")]
    Protocol { theirs: u32 },
    #[error("the worker sent {got} where {expected} was due")]
    OutOfTurn { got: &'static str, expected: &'static str },
    /// The server ends, or has a bug.
    #[error("its rings were not made: the server ends")]
    Interrupted,
    #[error("its rings cannot be made: {0}")]
    Geometry(#[from] GeometryError),
    #[error("its rings cannot be made: {0}")]
    Region(#[from] RegionError),
    #[error("the control socket failed: {0}")]
    Control(#[from] ControlError),
}

/// Leads a process that was just started to the point where batches can run.
///
/// What another process of the version has found out is not found out again.
pub async fn handshake(
    control: &Control,
    plan: &WorkerPlan,
    turn: Turn,
) -> Result<Attached, HandshakeError> {
    plan.version.metrics.engine_known(&expect_hello(control).await?);
    let signature = load(control, plan).await?;
    let config = plan.config();
    let interface = Interface::new(&signature, config)?;
    let row = interface.fixed_row();
    let smallest = row.clone().or_else(|| interface.smallest_row());
    rehearse(control, plan, smallest.as_deref(), turn).await?;
    let probed = match (row, plan.version.learned.probed.get()) {
        (Some(_), Some(known)) => *known,
        (Some(row), None) => {
            let bytes = probe(control, plan, &row).await?;
            *plan.version.learned.probed.get_or_init(|| bytes)
        }
        (None, _) => 0,
    };
    let (request, response) = plan.version.payloads(&interface);
    let geometry = Geometry::new(FRAMES_PER_WORKER, request, response.max(probed))?;
    let link = attach(control, geometry, plan).await?;
    Ok(Attached { link, interface })
}

/// Has the worker put back what warming changed in its model; the names of those buffers.
pub async fn settle(control: &Control) -> Result<Vec<String>, HandshakeError> {
    control.send(&ToWorker::Settle, &[])?;
    match receive(control).await? {
        FromWorker::Settled { changed } => Ok(changed),
        other => Err(out_of_turn(&other, "Settled")),
    }
}

/// What the worker runs on, such as `libtorch 2.11.0`.
async fn expect_hello(control: &Control) -> Result<String, HandshakeError> {
    match receive(control).await? {
        FromWorker::Hello { protocol: PROTOCOL, engine, .. } => Ok(engine),
        FromWorker::Hello { protocol, .. } => Err(HandshakeError::Protocol { theirs: protocol }),
        other => Err(out_of_turn(&other, "Hello")),
    }
}

async fn load(control: &Control, plan: &WorkerPlan) -> Result<Signature, HandshakeError> {
    let load = LoadModel {
        model: plan.model().name.to_string(),
        version: plan.version.id.0,
        worker: plan.index,
        device: plan.worker.device.to_string(),
        threads: plan.worker.threads.get(),
        cpus: plan.worker.cpus.clone(),
        batching: plan.config().batching,
    };
    control.send(&ToWorker::Load(load), &[plan.version.checkpoint.file().as_fd()])?;
    match receive(control).await? {
        FromWorker::Loaded(signature) => Ok(signature),
        other => Err(out_of_turn(&other, "Loaded")),
    }
}

/// Lets the worker find its fastest setting, and refuse a model whose rows depend on each other. `row`
/// is what the config declares; without it only what the version before this one ran is known.
async fn rehearse(
    control: &Control,
    plan: &WorkerPlan,
    row: Option<&[TensorMeta]>,
    turn: Turn,
) -> Result<(), HandshakeError> {
    let config = plan.config();
    let kinds = plan.kinds(row, turn);
    if kinds.is_empty() {
        return Ok(());
    }
    let known = plan.version.learned.setting.get();
    let checks = config.batching && config.check_batching && plan.max_batch_size() > 1;
    let rehearsal = Rehearsal {
        batches: kinds.iter().map(|kind| plan.batch(&kind.row, kind.rows)).collect(),
        check_rows: checks && row.is_some() && known.is_none(),
        setting: match known {
            _ if !config.optimize => Setting::Plain,
            None => Setting::Fastest,
            Some(chosen) => Setting::Chosen(chosen.clone()),
        },
    };
    control.send(&ToWorker::Rehearse(rehearsal), &[])?;
    match receive(control).await? {
        FromWorker::Rehearsed { setting, told } => {
            info!(model = %plan.model().name, worker = plan.index, "the model runs {}", one_line(&told));
            plan.version.learned.setting.get_or_init(|| setting);
            Ok(())
        }
        other => Err(out_of_turn(&other, "Rehearsed")),
    }
}

/// Runs the model outside the rings, alone and full, to learn the bytes of its output.
async fn probe(
    control: &Control,
    plan: &WorkerPlan,
    row: &[TensorMeta],
) -> Result<u64, HandshakeError> {
    let mut largest = 0;
    for rows in plan.batch_sizes() {
        let inputs = plan.batch(row, rows);
        let rows = u64::from(rows);
        // Who comes from Python often writes the batch dimension, too.
        let batched = row.iter().any(|meta| meta.shape.dims().first() == Some(&1));
        control.send(&ToWorker::Probe(Probe { inputs }), &[])?;
        let report = receive(control).await.map_err(|error| match error {
            HandshakeError::Model(cause) => HandshakeError::Declared { rows, batched, cause },
            error => error,
        })?;
        match report {
            FromWorker::Probed { outputs, bytes } => {
                if plan.config().batching {
                    check_rows(&outputs, rows)?;
                }
                largest = largest.max(bytes);
            }
            other => return Err(out_of_turn(&other, "Probed")),
        }
    }
    Ok(largest)
}

fn s(rows: u64) -> &'static str {
    if rows == 1 { "" } else { "s" }
}

fn hint(batched: bool) -> &'static str {
    if batched { "; a shape is that of one row, without the batch dimension" } else { "" }
}

fn check_rows(outputs: &[TensorMeta], rows: u64) -> Result<(), HandshakeError> {
    let wrong = outputs.iter().position(|meta| meta.shape.dims().first() != Some(&rows));
    match wrong {
        None => Ok(()),
        Some(index) => {
            let shape = outputs[index].shape.to_string();
            Err(HandshakeError::OutputShape { index, shape, rows })
        }
    }
}

async fn attach(
    control: &Control,
    geometry: Geometry,
    plan: &WorkerPlan,
) -> Result<Arc<WorkerLink>, HandshakeError> {
    let (end, fds) = create_regions(geometry, plan).await?;
    control.send(&ToWorker::Attach(geometry), &fds.borrow())?;
    match receive(control).await? {
        FromWorker::Attached => Ok(Arc::new(WorkerLink::new(end, plan.config().batching))),
        other => Err(out_of_turn(&other, "Attached")),
    }
}

/// Beside the event loop, because the kernel clears every page; and one after the other, so that no
/// two workers count on the same memory.
async fn create_regions(
    geometry: Geometry,
    plan: &WorkerPlan,
) -> Result<(RouterEnd, PeerFds), HandshakeError> {
    let turn = Arc::clone(&plan.version.turns.regions).lock_owned().await;
    let create = move || {
        let _turn = turn;
        let needed = geometry.request_region_bytes() + geometry.response_region_bytes();
        // Allocating more than there is would call the kernel's OOM killer, which takes bystanders.
        let available = system::memory::available();
        if let Some(available) = available.filter(|available| needed > *available) {
            return Err(HandshakeError::Memory { needed, available });
        }
        Ok(RouterEnd::create(geometry)?)
    };
    tokio::task::spawn_blocking(create).await.unwrap_or(Err(HandshakeError::Interrupted))
}

async fn receive(control: &Control) -> Result<FromWorker, HandshakeError> {
    match control.receive().await? {
        FromWorker::Failed { message, .. } => Err(HandshakeError::Model(message)),
        other => Ok(other),
    }
}

fn out_of_turn(got: &FromWorker, expected: &'static str) -> HandshakeError {
    let got = match got {
        FromWorker::Hello { .. } => "Hello",
        FromWorker::Loaded(_) => "Loaded",
        FromWorker::Rehearsed { .. } => "Rehearsed",
        FromWorker::Probed { .. } => "Probed",
        FromWorker::Attached => "Attached",
        FromWorker::Settled { .. } => "Settled",
        FromWorker::Failed { .. } => "Failed",
    };
    HandshakeError::OutOfTurn { got, expected }
}
