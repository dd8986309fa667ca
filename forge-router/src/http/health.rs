//! What probes ask.
//!
//! `live` says that the process answers. `ready` says that it may be sent traffic: from the first
//! time every model is ready until it drains. A model that degrades later shows in the body and
//! does not take the others out of service, unless it is marked `required`.

use hyper::StatusCode;
use hyper::header::{HeaderValue, RETRY_AFTER};

use super::app::{App, Phase};
use super::error::HttpError;
use super::models;
use super::reply::{self, Reply};
use crate::json;
use crate::model::ModelState;

/// `GET /health/live`
pub fn live() -> Reply {
    reply::fresh(reply::json(StatusCode::OK, r#"{"status":"ok"}"#))
}

/// `GET /health/ready`
pub fn ready(app: &App) -> Reply {
    let (status, word) = verdict(app);
    let mut body = b"{\"status\":".to_vec();
    json::write_string(&mut body, word);
    body.push(b'}');
    told(status, body)
}

/// `GET /v1/models/{model}/ready`: this model alone, whatever the others do.
pub fn model_ready(app: &App, name: &str) -> Result<Reply, HttpError> {
    let state = models::find(app, name)?.status().state;
    let status = match state {
        ModelState::Ready => StatusCode::OK,
        ModelState::Loading | ModelState::Degraded | ModelState::Draining => {
            StatusCode::SERVICE_UNAVAILABLE
        }
    };
    let mut body = b"{\"status\":".to_vec();
    json::write_string(&mut body, state.name());
    body.push(b'}');
    Ok(told(status, body))
}

/// `GET /health`: the verdict of `ready`, and every model.
pub fn health(app: &App) -> Reply {
    let (status, word) = verdict(app);
    let mut body = b"{\"status\":".to_vec();
    json::write_string(&mut body, word);
    body.extend_from_slice(b",\"models\":");
    models::write_all(app, &mut body);
    body.push(b'}');
    told(status, body)
}

fn told(status: StatusCode, body: Vec<u8>) -> Reply {
    let mut reply = reply::fresh(reply::json(status, body));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    reply
}

fn verdict(app: &App) -> (StatusCode, &'static str) {
    let is_degraded = |required_only: bool| {
        app.registry.models().any(|model| {
            (model.config.required || !required_only)
                && model.status().state == ModelState::Degraded
        })
    };
    match app.phase() {
        Phase::Loading => (StatusCode::SERVICE_UNAVAILABLE, "loading"),
        Phase::Draining => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
        Phase::Serving if is_degraded(true) => (StatusCode::SERVICE_UNAVAILABLE, "degraded"),
        Phase::Serving if is_degraded(false) => (StatusCode::OK, "degraded"),
        Phase::Serving => (StatusCode::OK, "ok"),
    }
}
