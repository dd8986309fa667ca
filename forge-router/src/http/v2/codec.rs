//! Between `/v2`'s bodies and the core's requests and answers; large ones beside the event loop.

use std::sync::Arc;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, VARY};

use super::framing::{Framing, HEADER_LENGTH, header_value};
use crate::http::codec::{Budget, Counted, LARGE, aside};
use crate::http::encoding::{self, Encoding};
use crate::http::error::HttpError;
use crate::http::prediction::{Encoded, Served};
use crate::http::reply::{self, Reply};
use crate::json::{self, DecodeError, InferResponseHead};
use crate::memory_budget::Reservation;
use crate::model::Version;
use crate::pieces::Pieces;
use crate::request::{Answer, Inputs, RequestError};
use crate::v2::{self, InferHead, InferRequest};

/// Answers that are shorter than this are not worth compressing: they fit into a packet.
const SHORT: usize = 1024;

type Understood = (InferRequest, Inputs, Reservation);

/// The request, its inputs as the version takes them, and what they hold of the memory.
pub async fn decode(
    version: &Arc<Version>,
    body: Pieces,
    framing: Framing,
    mut memory: Reservation,
) -> Result<Understood, HttpError> {
    let held = memory.bytes();
    let (json, tail) = framing.split(body, &mut memory)?;
    // Bytes behind the JSON are only cut into slices.
    if json.len() <= LARGE {
        return decode_now(version, (json, tail), framing, (memory, held));
    }
    let version = Arc::clone(version);
    aside(move || decode_now(&version, (json, tail), framing, (memory, held))).await?
}

/// The answer as a body, compressed where the client takes that.
pub async fn encode(
    answer: Answer,
    served: Served,
    request: InferRequest,
    accepted: Option<Encoding>,
) -> Result<Encoded<Reply>, HttpError> {
    let is_large =
        answer.memory.bytes() > LARGE || (accepted.is_some() && answer.memory.bytes() > LARGE / 16);
    match is_large {
        true => aside(move || encode_now(answer, &served, &request, accepted)).await?,
        false => encode_now(answer, &served, &request, accepted),
    }
}

/// `memory` holds so much of the body, and perhaps a copy of its JSON.
fn decode_now(
    version: &Version,
    (json, tail): (Bytes, Pieces),
    framing: Framing,
    (mut memory, body): (Reservation, usize),
) -> Result<Understood, HttpError> {
    let tail_bytes = tail.len();
    let mut request = match framing {
        Framing::Raw => {
            let inputs = v2::inputs(version);
            v2::raw(tail, &inputs).map_err(invalid)?
        }
        Framing::Json | Framing::Headed(_) => {
            let head: InferHead = json::decode_infer(&json, &mut Budget(&mut memory))
                .map_err(|error| refused(error, memory.limit()))?;
            v2::attach(head, tail).map_err(invalid)?
        }
    };
    v2::check_outputs(&request.outputs, version)?;
    let inputs = std::mem::take(&mut request.inputs);
    let inputs = v2::accept(inputs, version.interface(), version.config().batching)?;
    // A part keeps the whole body.
    let body = if tail_bytes > 0 { body } else { 0 };
    drop(json);
    let owned = inputs.data.iter().map(Pieces::len).sum::<usize>().saturating_sub(tail_bytes);
    let kept = body + owned + inputs.group.argument_bytes();
    memory.shrink(memory.bytes().saturating_sub(kept));
    Ok((request, inputs, memory))
}

fn encode_now(
    mut answer: Answer,
    served: &Served,
    request: &InferRequest,
    accepted: Option<Encoding>,
) -> Result<Encoded<Reply>, HttpError> {
    let mut memory = answer.memory.take();
    let outputs = request.select(answer, served.version.config().labels.as_ref())?;
    let head = InferResponseHead {
        id: &request.id,
        model: served.model.name.as_str(),
        version: served.version.id().0,
    };
    let room = json::expected_infer_response(head, &outputs);
    if !memory.grow(room) {
        return Err(RequestError::MemoryFull { limit: memory.limit() }.into());
    }
    let mut body = Vec::with_capacity(room);
    let json_length = json::write_infer_response(&mut body, head, &outputs);
    drop(outputs);
    let accepted = accepted.filter(|_| body.len() >= SHORT);
    let mut body = match accepted {
        None => body,
        Some(encoding) => encoding::compress(encoding, &body, &mut memory)?,
    };
    body.shrink_to_fit();
    let held = memory.bytes();
    memory.shrink(held.saturating_sub(body.len()));
    let bytes = body.len();
    let reply = reply::json(StatusCode::OK, Bytes::from_owner(Counted { body, memory }));
    Ok(Encoded { reply: with_headers(reply, json_length, accepted), bytes })
}

fn with_headers(mut reply: Reply, json_length: Option<usize>, encoding: Option<Encoding>) -> Reply {
    let headers = reply.headers_mut();
    if let Some(length) = json_length {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        headers.insert(HEADER_LENGTH, header_value(length));
    }
    if let Some(encoding) = encoding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    reply
}

fn invalid(error: impl std::error::Error) -> HttpError {
    RequestError::Invalid(error.to_string()).into()
}

fn refused(error: DecodeError, limit: usize) -> HttpError {
    match error {
        DecodeError::Memory { .. } => RequestError::MemoryFull { limit }.into(),
        error => error.into(),
    }
}
