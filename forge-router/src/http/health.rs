//! What probes ask.
//!
//! `live` says that the process answers. `ready` says that it may be sent traffic: from the first
//! time every model is ready until the server is asked to end. A model that degrades later shows in
//! the body and does not take the others out of service, unless it is marked `required`.

use hyper::StatusCode;

use super::app::{App, Phase};
use super::error::HttpError;
use super::reply::{self, Reply};
use super::{models, status};
use crate::json;
use crate::model::ModelState;

/// `GET /health/live`
pub fn live() -> Reply {
    reply::fresh(reply::json(StatusCode::OK, r#"{"status":"ok"}"#))
}

/// `GET /health/ready`
pub fn ready(app: &App) -> Reply {
    let (is_ready, word) = verdict(app);
    let mut body = b"{\"status\":".to_vec();
    json::write_string(&mut body, word);
    body.push(b'}');
    told(status::readiness(is_ready), body)
}

/// `GET /v1/models/{model}/ready`: this model alone, whatever the others do.
pub fn model_ready(app: &App, name: &str) -> Result<Reply, HttpError> {
    let state = models::find(app, name)?.status().state;
    let status = status::readiness(state == ModelState::Ready);
    let mut body = b"{\"status\":".to_vec();
    json::write_string(&mut body, state.name());
    body.push(b'}');
    Ok(told(status, body))
}

/// `GET /health`: the verdict of `ready`, and every model.
pub fn health(app: &App) -> Reply {
    let (is_ready, word) = verdict(app);
    let mut body = b"{\"status\":".to_vec();
    json::write_string(&mut body, word);
    body.extend_from_slice(b",\"models\":");
    models::write_all(app, &mut body);
    body.push(b'}');
    told(status::readiness(is_ready), body)
}

fn told(status: StatusCode, body: Vec<u8>) -> Reply {
    reply::with_retry(reply::fresh(reply::json(status, body)))
}

/// Whether the server may be sent traffic, as `GET /health/ready` tells it.
pub fn is_ready(app: &App) -> bool {
    verdict(app).0
}

/// Whether the server may be sent traffic, and why in a word.
pub fn verdict(app: &App) -> (bool, &'static str) {
    let is_degraded = |required_only: bool| {
        app.registry.models().iter().any(|model| {
            (model.config().required || !required_only)
                && model.status().state == ModelState::Degraded
        })
    };
    let (is_ready, word) = match app.phase() {
        Phase::Loading => (false, "loading"),
        Phase::Draining | Phase::Refusing => (false, "draining"),
        Phase::Serving if is_degraded(true) => (false, "degraded"),
        Phase::Serving if is_degraded(false) => (true, "degraded"),
        Phase::Serving => (true, "ok"),
    };
    (is_ready, word)
}
