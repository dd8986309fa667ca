//! A prediction whose body is read whole, from its bytes to the answer's; and `POST /v1/{model}/predict`.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::http::request::Parts;

use super::app::App;
use super::error::HttpError;
use super::negotiation::Negotiated;
use super::prediction::{Asked, Decoded, Encoded, Prediction, Protocol, Served};
use super::reply::Reply;
use super::{asked, classes, codec, encoding, negotiation, routes, tensors, wish};
use crate::formats::{Format, Given};
use crate::json::Form;
use crate::memory_budget::Reservation;
use crate::model::{Version, VersionId};
use crate::request::Answer;

/// A model, or one version of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    pub model: Cow<'a, str>,
    /// `None` leaves it to the model's route.
    pub version: Option<VersionId>,
}

/// Answers a prediction of `/v1` in the format that its head tells, or says why not.
pub async fn answer(
    app: &Arc<App>,
    parts: &Parts,
    body: Incoming,
    model: &str,
    id: &HeaderValue,
) -> Reply {
    let target = Target { model: model.into(), version: None };
    let max_bytes = app.settings.max_body_bytes;
    let prepare = |parts: &Parts| {
        let head = Arc::new(negotiation::negotiate(parts)?);
        Ok(move |body, memory, asked| AsNegotiated {
            head,
            body,
            max_bytes,
            memory,
            asked,
            form: Form::Single,
        })
    };
    answer_in(app, parts, body, &target, id, prepare).await
}

/// Answers a prediction in a protocol, or says why not. `prepare` reads what its head says before the body
/// is read; then the protocol is made of the body, of the memory that it takes, and of what the head asks of the
/// batcher.
pub async fn answer_in<P: Protocol<Reply = Reply>, M: FnOnce(Bytes, Reservation, Asked) -> P>(
    app: &Arc<App>,
    parts: &Parts,
    mut body: Incoming,
    target: &Target<'_>,
    id: &HeaderValue,
    prepare: impl FnOnce(&Parts) -> Result<M, HttpError>,
) -> Reply {
    let name = target.model.as_ref();
    let outcome = match Prediction::begin(app, name, id) {
        Ok(mut prediction) => {
            let asked = (parts, target.version);
            let outcome = predict(app, asked, &mut body, &mut prediction, prepare).await;
            prediction.finish(&outcome);
            outcome
        }
        Err(error) => Err(error),
    };
    match outcome {
        Ok(reply) => reply,
        Err(error) => routes::refuse(app, parts, &mut body, &error, name, id).await,
    }
}

async fn predict<P: Protocol<Reply = Reply>, M: FnOnce(Bytes, Reservation, Asked) -> P>(
    app: &App,
    (parts, version): (&Parts, Option<VersionId>),
    body: &mut Incoming,
    prediction: &mut Prediction<'_>,
    prepare: impl FnOnce(&Parts) -> Result<M, HttpError>,
) -> Result<Reply, HttpError> {
    let config = prediction.model().config();
    let wish = wish::of(&parts.headers, version, config.sticky_header.as_deref())?;
    let asked = asked::of(&parts.headers)?;
    let encoding = encoding::of_body(&parts.headers)?;
    let protocol = prepare(parts)?;
    prediction.check_door()?;
    let memory = app.budget.reservation();
    let (bytes, length, memory) = encoding::read(body, encoding, app.body_bounds(), memory).await?;
    let protocol = protocol(bytes, memory, asked);
    let (mut reply, version) = prediction.run(wish, length, protocol).await?;
    reply.headers_mut().insert(wish::VERSION, HeaderValue::from(version.0));
    Ok(reply)
}

/// A body of `/v1` in one of its formats.
struct AsNegotiated {
    head: Arc<Negotiated>,
    body: Bytes,
    /// Of what it expands to.
    max_bytes: usize,
    memory: Reservation,
    asked: Asked,
    /// How the inputs were given, once they are decoded; of an answer in JSON.
    form: Form,
}

impl Protocol for AsNegotiated {
    type Reply = Reply;

    async fn decode(&mut self, version: &Arc<Version>) -> Result<Decoded, HttpError> {
        let (body, memory) = (std::mem::take(&mut self.body), self.memory.take());
        let decoded = match self.head.given {
            Given::Tensors(Format::Json) => {
                let (decoded, form) =
                    codec::decode(version, body, memory, self.head.is_batch).await?;
                self.form = form;
                decoded
            }
            given => {
                if let Given::Tensors(Format::Npz | Format::Safetensors) = given {
                    self.form = Form::Named;
                }
                tensors::decode(version, &self.head, body, memory, self.max_bytes).await?
            }
        };
        Ok(Decoded { asked: self.asked, ..decoded })
    }

    async fn encode(self, answer: Answer, served: Served) -> Result<Encoded<Reply>, HttpError> {
        let Self { head, form, .. } = self;
        if let Some(top) = head.top {
            return classes::encode(answer, served, head.is_batch, top).await;
        }
        match tensors::choose(&answer, &head)? {
            Format::Json => codec::encode(answer, served, form, head.is_batch).await,
            format => tensors::encode(answer, served, &head, format).await,
        }
    }
}
