//! The shared memory a model's workers take, as far as the config tells it.
//!
//! A worker has two regions of [`FRAMES_PER_WORKER`] frames, one for requests and one for answers.
//! A request frame holds a full batch where every input is declared without free dimensions; what
//! an answer takes then is only known once the model is loaded and has been run. Otherwise both
//! hold `frame_bytes`. Where that key is given, no frame holds less; nor do the answers of a model
//! without batching, whose outputs often vary in size.

use std::num::NonZeroU64;

use forge_ipc::{Geometry, MAX_PAYLOAD};

use super::inputs::DeclaredInput;
use super::model::ModelConfig;
use super::pad;
use crate::tensor::{TensorMeta, aligned, batch_bytes};

/// Most payload bytes of one frame.
pub(super) const MOST_FRAME_BYTES: u64 = MAX_PAYLOAD;

/// One frame runs, the next one waits behind it.
pub const FRAMES_PER_WORKER: u32 = 2;

/// `frame_bytes` where it is needed and not given: 8 MiB.
const DEFAULT_FRAME_BYTES: u64 = 8 << 20;

/// The regions of one model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegionPlan {
    pub workers: usize,
    /// Of each of a worker's two regions.
    pub frames: u32,
    /// Bytes of tensors in one frame.
    pub request_payload: u64,
    pub response_payload: ResponsePayload,
    /// Bytes of both regions of all workers; without the payload of answers where that is learned.
    pub known_bytes: u64,
}

/// Bytes of tensors in one frame of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponsePayload {
    Known(u64),
    /// As many as a full batch of answers takes, which running the loaded model shows.
    LearnedByLoading,
}

/// What the regions of the model will be.
pub fn memory_plan(model: &ModelConfig) -> RegionPlan {
    let request_payload = aligned(request_payload(model));
    let known_response = aligned(least_response_payload(model));
    let response_payload = match declared_row(model) {
        Some(_) => ResponsePayload::LearnedByLoading,
        None => ResponsePayload::Known(known_response),
    };
    let frames = FRAMES_PER_WORKER;
    let geometry = Geometry { frames, request_payload, response_payload: known_response };
    let each = geometry.request_region_bytes().saturating_add(geometry.response_region_bytes());
    let workers = model.workers.len();
    let known_bytes = each.saturating_mul(workers as u64);
    RegionPlan { workers, frames, request_payload, response_payload, known_bytes }
}

/// Whether frames can hold what is declared; else why not.
pub(super) fn check_frames(model: &ModelConfig) -> Result<(), String> {
    let rows = model.max_batch_size;
    if declared_row(model).is_some() {
        return match request_payload(model) {
            0..=MOST_FRAME_BYTES => Ok(()),
            _ => Err(format!(
                "a batch of {rows} rows takes more than the {MOST_FRAME_BYTES} bytes a frame \
                 can have"
            )),
        };
    }
    let plain =
        |sum: u64, input: &DeclaredInput| sum.checked_add(aligned(input.least_row_bytes()?));
    let least = match &model.pad {
        Some(pad) => pad::least_row_bytes(pad, &model.inputs),
        None => model.inputs.iter().try_fold(0, plain),
    };
    let padded = if model.pad.is_some() { ", padded," } else { "" };
    match least {
        Some(bytes) if bytes <= frame_bytes(model) => Ok(()),
        Some(bytes) => Err(format!(
            "one row{padded} takes at least {bytes} bytes, more than frame_bytes ({})",
            frame_bytes(model)
        )),
        None => Err("one row takes more bytes than can be counted".to_owned()),
    }
}

/// One row of each input, where all are declared and none leaves a dimension free.
fn declared_row(model: &ModelConfig) -> Option<Vec<TensorMeta>> {
    if model.inputs.is_empty() {
        return None;
    }
    model.inputs.iter().map(DeclaredInput::fixed_row).collect()
}

/// Bytes of tensors one request frame holds: a full batch where every dimension is declared, else
/// `frame_bytes`. Saturates where a batch has more bytes than can be counted.
pub fn request_payload(model: &ModelConfig) -> u64 {
    let Some(row) = declared_row(model) else { return frame_bytes(model) };
    let batch = batch_bytes(&row, model.max_batch_size.get()).unwrap_or(u64::MAX);
    batch.max(model.frame_bytes.map_or(0, NonZeroU64::get))
}

/// The least bytes of tensors one response frame holds; more where running the model shows that it
/// returns more.
pub fn least_response_payload(model: &ModelConfig) -> u64 {
    match declared_row(model) {
        Some(_) if model.batching => model.frame_bytes.map_or(0, NonZeroU64::get),
        _ => frame_bytes(model),
    }
}

/// Bytes of tensors that a frame holds where nothing else tells.
pub fn frame_bytes(model: &ModelConfig) -> u64 {
    model.frame_bytes.map_or(DEFAULT_FRAME_BYTES, NonZeroU64::get)
}
