//! `POST /v1/{model}/predict`: from the body's bytes to the answer's.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::http::request::Parts;

use super::app::{App, Phase};
use super::error::HttpError;
use super::reply::Reply;
use super::request_id::as_text;
use super::{body, codec, models, routes, status, wish};
use crate::logging::Failure;
use crate::metrics::{Outcome, RequestRecord};
use crate::model::{Expired, Model, Role};
use crate::request::RequestError;

/// Answers a prediction, or says why not.
pub async fn answer(
    app: &Arc<App>,
    parts: &Parts,
    mut body: Incoming,
    name: &str,
    id: &HeaderValue,
) -> Reply {
    let began = Instant::now();
    let model = match models::find(app, name) {
        Ok(model) => model,
        Err(error) => return routes::refuse(app, parts, &mut body, &error, name, id).await,
    };
    let mut watched = Watched { app, name, id, record: Some(model.metrics.received()) };
    match predict(app, &model, (parts, &mut body), &mut watched, began).await {
        Ok(reply) => {
            watched.finish(Outcome::Success, began.elapsed());
            reply
        }
        Err(error) => {
            watched.finish(status::outcome(&error), began.elapsed());
            routes::refuse(app, parts, &mut body, &error, name, id).await
        }
    }
}

async fn predict(
    app: &Arc<App>,
    model: &Arc<Model>,
    (parts, body): (&Parts, &mut Incoming),
    watched: &mut Watched<'_>,
    began: Instant,
) -> Result<Reply, HttpError> {
    let id = watched.id;
    let not_ready = |state: &str| {
        let model = model.name.to_string();
        HttpError::Request(RequestError::NotReady { model, state: state.to_owned() })
    };
    // Not while a refusal is told: a stream of those would keep a drain from ever seeing none.
    let _under_way = app.predictions.begin();
    if app.phase() == Phase::Refusing {
        return Err(not_ready("draining"));
    }
    let config = model.config();
    let wish = wish::of(&parts.headers, config.sticky_header.as_deref())?;
    let version = model.version().ok_or_else(|| not_ready(model.status().state.name()))?;
    if !version.make_room() {
        // Refused before its body is read; whoever passes here is still counted by `admit`.
        return Err(RequestError::QueueFull { limit: config.max_queue_depth.get() }.into());
    }
    drop(version);
    let mut memory = app.budget.reservation();
    let bounds = body::Bounds {
        max_bytes: app.settings.max_body_bytes,
        says_so: "server.max_body_bytes",
        timeout: app.settings.body_timeout,
        budget: app.budget.limit(),
    };
    let bytes = body::read(body, bounds, &mut memory).await?;
    model.metrics.request_bytes(bytes.len() as u64);

    // The version is chosen only now: a swap that came while the body did has led elsewhere.
    let (admitted, role) = model.admit(wish)?;
    watched.routed(role);
    let version = Arc::clone(admitted.version());
    let timeout = version.config().request_timeout;
    let deadline = Instant::now() + timeout;
    let expired = |expired| expired_error(model, expired, timeout, id);
    let decoding = Instant::now();
    let decoded = within(deadline, codec::decode(&version, bytes, memory)).await;
    let codec::Decoded { inputs, form, memory } = decoded.map_err(expired)??;
    model.metrics.decoded(decoding.elapsed());

    let answer = admitted.run(inputs, deadline, memory).await.map_err(expired)??;
    model.metrics.computed(answer.compute);

    let encoding = Instant::now();
    let head = codec::Head { model: Arc::clone(model), id: id.clone(), began, form };
    let encoded = within(deadline, codec::encode(answer, head)).await;
    let (mut reply, bytes) = encoded.map_err(expired)??;
    model.metrics.encoded(encoding.elapsed());
    model.metrics.response_bytes(bytes as u64);
    reply.headers_mut().insert(wish::VERSION, HeaderValue::from(version.id().0));
    Ok(reply)
}

/// What `work` comes to, if it does so before the deadline.
async fn within<T>(deadline: Instant, work: impl Future<Output = T>) -> Result<T, Expired> {
    let done = tokio::time::timeout_at(deadline.into(), work).await;
    done.map_err(|_| Expired { in_queue: false })
}

fn expired_error(
    model: &Model,
    expired: Expired,
    timeout: Duration,
    id: &HeaderValue,
) -> HttpError {
    if expired.in_queue {
        model.metrics.expired_in_queue();
    }
    let seconds = timeout.as_secs_f64();
    RequestError::Expired { id: as_text(id).to_owned(), seconds }.into()
}

/// Counts the outcome of a request, also when its future is dropped because the client hung up.
struct Watched<'a> {
    app: &'a App,
    name: &'a str,
    id: &'a HeaderValue,
    record: Option<RequestRecord>,
}

impl Watched<'_> {
    /// The version that is to answer has this role.
    fn routed(&mut self, role: Role) {
        if let Some(record) = &mut self.record {
            record.routed(role.into());
        }
    }

    fn finish(mut self, outcome: Outcome, latency: Duration) {
        if let Some(record) = self.record.take() {
            record.finish(outcome, latency);
        }
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        // Dropping the record counts the request as cancelled.
        if self.record.take().is_some() {
            let failure = Failure {
                request_id: as_text(self.id),
                model: self.name,
                status: status::CLIENT_CLOSED_REQUEST,
                cause: "the client hung up",
            };
            self.app.failures.record(&failure, Instant::now());
        }
    }
}
