//! `ModelInfer`: one prediction, from the bytes of its message to the message of its answer.
//!
//! ```text
//! message ─► head: model, version, id ─► Prediction::run ─► decode ─► v2::accept ─► … ─► v2::select ─► encode
//!             (before it is admitted)                     (beside the event loop where it is large)
//! ```

mod contents;
mod decode;
mod encode;

use std::sync::Arc;
use std::time::Duration;

use self::decode::Head;
#[cfg(any(test, feature = "fuzzing"))]
pub use self::decode::decode as decode_request;
pub use self::encode::Answered;
use super::call::Asked;
use super::meter::Arrived;
use crate::http::{
    self, App, Decoded, Encoded, HttpError, LARGE, Prediction, Protocol, Served, aside,
    expand_aside, wish,
};
use crate::memory_budget::Reservation;
use crate::model::{Version, VersionId};
use crate::pieces::Pieces;
use crate::request::{Answer, RequestError};
use crate::v2::{self, InferRequest};

/// The id of a request that was refused, for who has to tell of it.
#[derive(Debug)]
pub struct Refused {
    pub id: String,
    pub error: HttpError,
}

/// Answers one message of a call.
///
/// # Errors
/// Whatever HTTP refuses too; it has been logged.
pub async fn infer(app: &Arc<App>, asked: &Asked, arrived: Arrived) -> Result<Answered, Refused> {
    let read = read(app, asked, arrived).await;
    let (head, message) = read.map_err(|error| {
        app.record_failure(&asked.call.id, "", &error);
        Refused { id: String::new(), error }
    })?;
    let outcome = match Prediction::begin(app, &head.model, &asked.call.id) {
        Ok(mut prediction) => {
            let outcome = predict(&mut prediction, asked, &head, message).await;
            prediction.finish(&outcome);
            outcome
        }
        Err(error) => Err(error),
    };
    outcome.map_err(|error| {
        app.record_failure(&asked.call.id, &head.model, &error);
        Refused { id: head.id, error }
    })
}

/// The message, expanded where it was compressed, and whom it is for.
async fn read(
    app: &App,
    asked: &Asked,
    Arrived { mut message, mut memory, is_compressed }: Arrived,
) -> Result<(Head, Infer), HttpError> {
    if let Some(encoding) = asked.call.encoding.filter(|_| is_compressed) {
        let compressed = message.whole();
        let expanded;
        (expanded, memory) = expand_aside(encoding, compressed, memory, app.body_bounds()).await?;
        message = expanded.into();
    }
    let head = decode::head(&message)?;
    let (timeout, request) = (asked.timeout(), InferRequest::default());
    let read = head.read;
    Ok((head, Infer { message, memory, read, timeout, request }))
}

async fn predict(
    prediction: &mut Prediction<'_>,
    asked: &Asked,
    head: &Head,
    message: Infer,
) -> Result<Answered, HttpError> {
    let config = prediction.model().config();
    let version = version_of(&head.version)?;
    let wish = wish::of(&asked.headers, version, config.sticky_header.as_deref())?;
    prediction.check_door()?;
    let (answered, _) = prediction.run(wish, message.message.len(), message).await?;
    Ok(answered)
}

/// The version that a client names; `None` where it leaves the choice.
pub fn version_of(text: &str) -> Result<Option<VersionId>, HttpError> {
    if text.is_empty() {
        return Ok(None);
    }
    let version = text.parse().map_err(|_| {
        RequestError::Invalid(format!("the version {text:?} is no number, as versions are"))
    })?;
    Ok(Some(VersionId(version)))
}

/// A message on its way through a prediction.
struct Infer {
    message: Pieces,
    /// What is reserved for the message.
    memory: Reservation,
    /// How much of it has to be read to decode it.
    read: usize,
    /// What the client leaves it.
    timeout: Option<Duration>,
    /// What is left of the request once its inputs were taken.
    request: InferRequest,
}

impl Protocol for Infer {
    type Reply = Answered;

    async fn decode(&mut self, version: &Arc<Version>) -> Result<Decoded, HttpError> {
        let (message, memory) = (std::mem::take(&mut self.message), self.memory.take());
        let (mut decoded, request) = if self.read <= LARGE {
            decode_now(version, &message, memory)?
        } else {
            let version = Arc::clone(version);
            aside(move || decode_now(&version, &message, memory)).await??
        };
        self.request = request;
        let shorter = [decoded.asked.timeout, self.timeout].into_iter().flatten().min();
        decoded.asked.timeout = shorter;
        Ok(decoded)
    }

    async fn encode(self, answer: Answer, served: Served) -> Result<Encoded<Answered>, HttpError> {
        let Self { request, .. } = self;
        let answered = if answer.memory.bytes() <= LARGE {
            encode::encode(answer, &served, &request)?
        } else {
            aside(move || encode::encode(answer, &served, &request)).await??
        };
        let bytes = prost::Message::encoded_len(&answered.response);
        Ok(Encoded { reply: answered, bytes })
    }
}

/// `memory` holds the message's bytes and comes to hold the tensors', which may be parts of it.
fn decode_now(
    version: &Version,
    message: &Pieces,
    mut memory: Reservation,
) -> Result<(Decoded, InferRequest), HttpError> {
    let mut request = decode::decode(message, &mut memory)?;
    v2::check_outputs(&request.outputs, version)?;
    let (priority, timeout) = v2::asked(&request);
    let given = std::mem::take(&mut request.inputs);
    let inputs = v2::accept(given, version.interface(), version.config().batching)?;
    let asked = http::Asked { priority, timeout };
    Ok((Decoded { inputs, memory, asked }, request))
}
