//! `POST /v2/models/{model}[/versions/{version}]/infer`: from the body's bytes to the answer's.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::http::request::Parts;

use super::framing::Framing;
use super::{Target, codec};
use crate::http::app::App;
use crate::http::encoding::{self, Encoding};
use crate::http::error::HttpError;
use crate::http::prediction::{Asked, Decoded, Encoded, Prediction, Protocol, Served};
use crate::http::reply::Reply;
use crate::http::{body, routes, wish};
use crate::memory_budget::Reservation;
use crate::model::Version;
use crate::pieces::Pieces;
use crate::request::Answer;
use crate::v2::{InferRequest, asked};

/// Answers an inference, or says why not.
pub async fn answer(
    app: &Arc<App>,
    parts: &Parts,
    mut body: Incoming,
    target: &Target<'_>,
    id: &HeaderValue,
) -> Reply {
    let outcome = match Prediction::begin(app, &target.model, id) {
        Ok(mut prediction) => {
            let outcome = infer(app, parts, &mut body, target, &mut prediction).await;
            prediction.finish(&outcome);
            outcome
        }
        Err(error) => Err(error),
    };
    match outcome {
        Ok(reply) => reply,
        Err(error) => routes::refuse(app, parts, &mut body, &error, &target.model, id).await,
    }
}

async fn infer(
    app: &App,
    parts: &Parts,
    body: &mut Incoming,
    target: &Target<'_>,
    prediction: &mut Prediction<'_>,
) -> Result<Reply, HttpError> {
    let config = prediction.model().config();
    let wish = wish::of(&parts.headers, target.version, config.sticky_header.as_deref())?;
    let framing = Framing::of(&parts.headers)?;
    let encoding = encoding::of_body(&parts.headers)?;
    prediction.check_door()?;
    let mut memory = app.budget.reservation();
    let bounds = app.body_bounds();
    // Bytes behind JSON are tensors; all else is read as a whole.
    let (body, length, memory) = if framing == Framing::Json || encoding.is_some() {
        let (body, length, memory) = encoding::read(body, encoding, bounds, memory).await?;
        (Pieces::from(body), length, memory)
    } else {
        let body = body::read_in_pieces(body, bounds, &mut memory).await?;
        let length = body.len();
        (body, length, memory)
    };
    let accepted = encoding::accepted(&parts.headers);
    let inference = Inference { body, memory, framing, accepted, request: InferRequest::default() };
    let (mut reply, version) = prediction.run(wish, length, inference).await?;
    reply.headers_mut().insert(wish::VERSION, HeaderValue::from(version.0));
    Ok(reply)
}

/// The JSON and bytes of `/v2`.
struct Inference {
    body: Pieces,
    memory: Reservation,
    framing: Framing,
    /// How the answer may be compressed.
    accepted: Option<Encoding>,
    /// What is left of the request once its inputs were taken.
    request: InferRequest,
}

impl Protocol for Inference {
    type Reply = Reply;

    async fn decode(&mut self, version: &Arc<Version>) -> Result<Decoded, HttpError> {
        let (body, memory) = (std::mem::take(&mut self.body), self.memory.take());
        let (request, inputs, memory) = codec::decode(version, body, self.framing, memory).await?;
        let (priority, timeout) = asked(&request);
        self.request = request;
        Ok(Decoded { inputs, memory, asked: Asked { priority, timeout } })
    }

    async fn encode(self, answer: Answer, served: Served) -> Result<Encoded<Reply>, HttpError> {
        codec::encode(answer, served, self.request, self.accepted).await
    }
}
