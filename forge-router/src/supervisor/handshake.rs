//! From a fresh process to a worker on its rings.
//!
//! ```text
//! worker                         router
//!   Hello{protocol, engine} ──────►
//!          ◄────── Load{model, device, threads, cpus} + model file
//!   Loaded{signature} ────────────►  joins it with the config
//!          ◄────── Probe{inputs at 1 row, then at max_batch_size}   (declared inputs only)
//!   Probed{outputs, bytes} ───────►  sizes the regions, checks the memory, creates them
//!          ◄────── Attach{geometry} + 2 regions + 2 doorbells
//!   Attached ─────────────────────►
//! ```

use std::os::fd::AsFd;
use std::sync::Arc;

use forge_ipc::{
    ControlError, FromWorker, Geometry, GeometryError, LoadModel, PROTOCOL, Probe, RegionError,
    RouterEnd, Signature, TensorMeta, ToWorker,
};

use super::control::Control;
use super::plan::WorkerPlan;
use crate::config::{FRAMES_PER_WORKER, request_payload};
use crate::dispatch::WorkerLink;
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
    #[error("{cause} (it was run on {rows} rows of zeros, as its config declares its inputs)")]
    Declared { rows: u64, cause: String },
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
    #[error("its rings cannot be made: {0}")]
    Geometry(#[from] GeometryError),
    #[error("its rings cannot be made: {0}")]
    Region(#[from] RegionError),
    #[error("the control socket failed: {0}")]
    Control(#[from] ControlError),
}

/// Leads a process that was just started to the point where batches can run.
pub async fn handshake(control: &Control, plan: &WorkerPlan) -> Result<Attached, HandshakeError> {
    plan.metrics.engine_known(&expect_hello(control).await?);
    let signature = load(control, plan).await?;
    let interface = Interface::new(&signature, &plan.model.config)?;
    let response_payload = match interface.fixed_row() {
        Some(row) => probe(control, &row, plan.max_batch_size()).await?,
        None => plan.model.config.frame_bytes.get(),
    };
    let geometry =
        Geometry::new(FRAMES_PER_WORKER, request_payload(&plan.model.config), response_payload)?;
    let link = attach(control, geometry).await?;
    Ok(Attached { link, interface })
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
        model: plan.model.name.to_string(),
        version: plan.version.0,
        worker: plan.index,
        device: plan.worker.device.to_string(),
        threads: plan.worker.threads.get(),
        cpus: plan.worker.cpus.clone(),
    };
    control.send(&ToWorker::Load(load), &[plan.file.as_fd()])?;
    match receive(control).await? {
        FromWorker::Loaded(signature) => Ok(signature),
        other => Err(out_of_turn(&other, "Loaded")),
    }
}

/// Runs the model outside the rings, alone and full, to learn the bytes of its output.
async fn probe(
    control: &Control,
    row: &[TensorMeta],
    max_batch_size: u32,
) -> Result<u64, HandshakeError> {
    let mut largest = 0;
    for rows in [1, u64::from(max_batch_size)] {
        let batch = |meta: &TensorMeta| {
            Some(TensorMeta { dtype: meta.dtype, shape: meta.shape.with_rows(rows)? })
        };
        let inputs = row.iter().filter_map(batch).collect();
        control.send(&ToWorker::Probe(Probe { inputs }), &[])?;
        let report = receive(control).await.map_err(|error| match error {
            HandshakeError::Model(cause) => HandshakeError::Declared { rows, cause },
            error => error,
        })?;
        match report {
            FromWorker::Probed { outputs, bytes } => {
                check_rows(&outputs, rows)?;
                largest = largest.max(bytes);
            }
            other => return Err(out_of_turn(&other, "Probed")),
        }
    }
    Ok(largest)
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

async fn attach(control: &Control, geometry: Geometry) -> Result<Arc<WorkerLink>, HandshakeError> {
    let needed = geometry.request_region_bytes() + geometry.response_region_bytes();
    // Allocating more than there is would call the kernel's OOM killer, which takes bystanders.
    if let Some(available) = system::memory::available().filter(|available| needed > *available) {
        return Err(HandshakeError::Memory { needed, available });
    }
    let (end, fds) = RouterEnd::create(geometry)?;
    control.send(&ToWorker::Attach(geometry), &fds.borrow())?;
    match receive(control).await? {
        FromWorker::Attached => Ok(Arc::new(WorkerLink::new(end))),
        other => Err(out_of_turn(&other, "Attached")),
    }
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
        FromWorker::Probed { .. } => "Probed",
        FromWorker::Attached => "Attached",
        FromWorker::Failed { .. } => "Failed",
    };
    HandshakeError::OutOfTurn { got, expected }
}
