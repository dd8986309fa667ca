//! Between JSON and the core's requests and answers; large ones beside the event loop.

use std::sync::Arc;

use bytes::Bytes;
use hyper::StatusCode;

use super::error::HttpError;
use super::prediction::{Decoded, Encoded, Served};
use super::reply::{self, Reply};
use super::request_id::as_text;
use super::rows;
use super::tensors::no_rows;
use crate::json::{self, DecodeError, Form};
use crate::memory_budget::Reservation;
use crate::model::{GivenInput, Interface, NamedInput, RowTensor, Version};
use crate::request::{Answer, Output, RequestError};
use crate::tensor::{ArgumentKind, Dtype, TensorMeta};

/// Bodies and outputs larger than this take longer than the other requests should wait.
pub const LARGE: usize = 256 * 1024;

/// The room that a body has at first, so that what stands before its tensors does not make it grow again and again.
const FIRST_ROOM: usize = 256;

/// The body as the model's inputs, and how they were given. `memory` holds the body's bytes and comes to hold the tensors'.
/// Of a batch, the first dimension of every tensor is rows.
pub async fn decode(
    version: &Arc<Version>,
    body: Bytes,
    memory: Reservation,
    is_batch: bool,
) -> Result<(Decoded, Form), HttpError> {
    beside_if(takes_long(&body), version, move |version| {
        let mut memory = memory;
        let decoded = parse(version, &body, &mut memory, json::decode)?;
        drop(body);
        if is_batch && !version.config().batching {
            return Err(no_rows(version).into());
        }
        Ok((accept(version, decoded.inputs, is_batch, memory)?, decoded.form))
    })
    .await
}

/// The answer as a body of JSON.
pub async fn encode(
    answer: Answer,
    served: Served,
    form: Form,
    is_batch: bool,
) -> Result<Encoded<Reply>, HttpError> {
    let is_large = answer.memory.bytes() > LARGE;
    let counted = match is_large {
        true => aside(move || encode_now(answer, &served, form, is_batch)).await??,
        false => encode_now(answer, &served, form, is_batch)?,
    };
    Ok(encoded(counted))
}

/// Whether reading the body takes longer than the other requests should wait.
pub(super) fn takes_long(body: &[u8]) -> bool {
    body.len() > LARGE || fills(body)
}

/// Whether it has what every body has that makes large tensors of little text: the key `"shape"`. Looks for its
/// rarest letter, which numbers have not, since a searcher for the whole takes longer to make than to use.
fn fills(body: &[u8]) -> bool {
    let is_key = |at: usize| body[..at].ends_with(b"\"sha") && body[at..].starts_with(b"pe\"");
    memchr::memchr_iter(b'p', body).any(is_key)
}

/// Runs `work` here, or beside the event loop where it takes long.
pub(super) async fn beside_if<T: Send + 'static>(
    takes_long: bool,
    version: &Arc<Version>,
    work: impl FnOnce(&Version) -> Result<T, HttpError> + Send + 'static,
) -> Result<T, HttpError> {
    if !takes_long {
        return work(version);
    }
    let version = Arc::clone(version);
    aside(move || work(&version)).await?
}

/// Reads a body with what the version declares, `memory` being asked before each tensor.
pub(super) fn parse<T>(
    version: &Version,
    body: &[u8],
    memory: &mut Reservation,
    read: impl FnOnce(&[u8], json::DecodeOptions<'_>) -> Result<T, DecodeError>,
) -> Result<T, HttpError> {
    let frame = version.settings().request_payload;
    let options = json::DecodeOptions {
        limits: json::Limits { max_filled_bytes: frame, ..json::Limits::default() },
        declared: &Declared(version.interface()),
        budget: &mut Budget(memory),
    };
    read(body, options).map_err(|error| match error {
        DecodeError::Memory { .. } => {
            HttpError::Request(RequestError::MemoryFull { limit: memory.limit() })
        }
        DecodeError::TooLarge { needed, .. } => {
            let model = version.config().name.to_string();
            HttpError::Request(RequestError::RowTooLarge { model, needed, capacity: frame })
        }
        error => HttpError::Decode(error),
    })
}

/// What was read as the inputs of the model; with rows, the first dimension of every tensor is those.
/// The body's bytes must be free by now: what `memory` holds beyond the tensors is given back.
pub(super) fn accept(
    version: &Version,
    inputs: Vec<(Option<String>, json::DecodedInput)>,
    has_rows: bool,
    memory: Reservation,
) -> Result<Decoded, HttpError> {
    let named = |(name, input)| NamedInput { name, given: given(input) };
    let mut given: Vec<NamedInput> = inputs.into_iter().map(named).collect();
    let rows = if has_rows { rows::take(&mut given)? } else { Some(1) };
    // What is wrong with the names is told first: an input that the model has not is no tensor.
    let inputs = version.interface().accept(given, rows.unwrap_or(1))?;
    if rows.is_none() {
        return Err(RequestError::Invalid("no input has rows".to_owned()).into());
    }
    Ok(Decoded::without_body(inputs, memory))
}

/// A body as what the client gets.
pub(super) fn encoded(body: Counted) -> Encoded<Reply> {
    let bytes = body.body.len();
    Encoded { reply: reply::json(StatusCode::OK, Bytes::from_owner(body)), bytes }
}

fn given(input: json::DecodedInput) -> GivenInput {
    let row = |tensor: json::DecodedTensor| RowTensor {
        row: TensorMeta { dtype: tensor.dtype, shape: tensor.shape },
        data: tensor.data.into(),
    };
    match input {
        json::DecodedInput::Tensor(tensor) => GivenInput::Tensor(row(tensor)),
        json::DecodedInput::Tensors(list) => {
            GivenInput::Tensors(list.into_iter().map(row).collect())
        }
        json::DecodedInput::Value(value) => GivenInput::Value(value),
    }
}

fn encode_now(
    answer: Answer,
    served: &Served,
    form: Form,
    is_batch: bool,
) -> Result<Counted, HttpError> {
    let Answer { outputs, structure, rows, is_batched, memory, .. } = answer;
    let rows = (is_batch && is_batched).then_some(u64::from(rows));
    let text = |output: &Output| json::expected_text(output.row.dtype, output.data.len());
    let expected = outputs.iter().map(text).sum();
    write_counted(memory, expected, |body| {
        let head = json::ResponseHead {
            model: served.model.name.as_str(),
            request_id: as_text(&served.request_id),
            latency: served.began.elapsed(),
            form,
        };
        json::write_response(body, head, &structure, &mut |body, leaf| {
            if let Some(output) = outputs.get(leaf) {
                // An output of so many dimensions that none is left for the rows keeps those of a row.
                let row = output.row.shape;
                let shape = rows.and_then(|rows| row.with_rows(rows)).unwrap_or(row);
                json::write_tensor(body, output.row.dtype, &shape, &output.data);
            }
        });
        drop(outputs);
    })
}

/// Writes a body of about `expected` bytes. `memory`, which holds what it is written from, comes to hold
/// the body alone.
pub(super) fn write_counted(
    mut memory: Reservation,
    expected: usize,
    write: impl FnOnce(&mut Vec<u8>),
) -> Result<Counted, HttpError> {
    if !memory.grow(expected) {
        return Err(RequestError::MemoryFull { limit: memory.limit() }.into());
    }
    let mut body = Vec::with_capacity(FIRST_ROOM);
    write(&mut body);
    body.shrink_to_fit();
    let held = memory.bytes();
    memory.shrink(held.saturating_sub(body.len()));
    Ok(Counted { body, memory })
}

/// Runs `work` beside the event loop.
pub async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, HttpError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| HttpError::Internal(error.to_string()))
}

/// A body that stays counted until its client has read it.
pub(super) struct Counted {
    pub(super) body: Vec<u8>,
    #[expect(dead_code, reason = "held for its drop")]
    pub(super) memory: Reservation,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

struct Declared<'a>(&'a Interface);

impl json::Declared for Declared<'_> {
    fn argument(&self, name: &str) -> (ArgumentKind, bool) {
        let input = self.0.input(name);
        input
            .map_or((ArgumentKind::Tensor, false), |input| (input.kind().clone(), input.optional()))
    }

    fn is_unknown(&self, name: &str) -> bool {
        self.0.input(name).is_none()
    }

    fn has_argument(&self, name: &str) -> bool {
        self.0.input(name).is_some()
    }

    fn dtype(&self, name: Option<&str>) -> Option<Dtype> {
        self.0.declared_dtype(name)
    }
}

/// Decoded tensors are reserved beside the body.
pub(super) struct Budget<'a>(pub(super) &'a mut Reservation);

impl json::Budget for Budget<'_> {
    fn reserve(&mut self, bytes: usize) -> bool {
        self.0.grow(bytes)
    }
}
