//! `POST /v1/{model}/predict`: from the body's bytes to the answer's.

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
use super::{asked, body, classes, codec, negotiation, routes, tensors, wish};
use crate::formats::{Format, Given};
use crate::json::Form;
use crate::memory_budget::Reservation;
use crate::model::Version;
use crate::request::Answer;

/// Answers a prediction, or says why not.
pub async fn answer(
    app: &Arc<App>,
    parts: &Parts,
    mut body: Incoming,
    name: &str,
    id: &HeaderValue,
) -> Reply {
    let outcome = match Prediction::begin(app, name, id) {
        Ok(mut prediction) => {
            let outcome = predict(app, parts, &mut body, &mut prediction).await;
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

async fn predict(
    app: &App,
    parts: &Parts,
    body: &mut Incoming,
    prediction: &mut Prediction<'_>,
) -> Result<Reply, HttpError> {
    let config = prediction.model().config();
    let wish = wish::of(&parts.headers, config.sticky_header.as_deref())?;
    let head = Arc::new(negotiation::negotiate(parts)?);
    let asked = asked::of(&parts.headers)?;
    prediction.check_door()?;
    let mut memory = app.budget.reservation();
    let bytes = body::read(body, app.body_bounds(), &mut memory).await?;
    let length = bytes.len();
    let max_bytes = app.settings.max_body_bytes;
    let form = Form::Single;
    let body = AsNegotiated { head, body: bytes, max_bytes, memory, asked, form };
    let (mut reply, version) = prediction.run(wish, length, body).await?;
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
        if self.head.given == Given::Tensors(Format::Json) {
            let (decoded, form) = codec::decode(version, body, memory, self.head.is_batch).await?;
            self.form = form;
            return Ok(Decoded { asked: self.asked, ..decoded });
        }
        if let Given::Tensors(Format::Npz | Format::Safetensors) = self.head.given {
            self.form = Form::Named;
        }
        let decoded = tensors::decode(version, &self.head, body, memory, self.max_bytes).await?;
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
