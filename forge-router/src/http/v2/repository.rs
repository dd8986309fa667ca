//! `/v2/repository`: what models there are, and loading and unloading them for those who may.

use std::net::SocketAddr;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::http::request::Parts;
use serde::Serialize;

use super::show;
use crate::http::app::App;
use crate::http::error::HttpError;
use crate::http::reply::Reply;
use crate::http::{admin, body, models};
use crate::json::decode_repository;
use crate::memory_budget::MemoryBudget;
use crate::model::{Model, ModelState};
use crate::operator::{Asker, OperationError};

/// Far more than the parameters take that are known.
const MOST_BYTES: usize = 64 * 1024;

/// `POST /v2/repository/index`: every model that is served, or that the config names.
pub async fn index(app: &App, body: &mut Incoming) -> Result<Reply, HttpError> {
    let asked = decode_repository(&read(app, body).await?)?;
    let served = app.registry.models();
    let unloaded = app.registry.configured().into_iter().filter(|configured| {
        !served.iter().any(|model| model.name.as_str() == configured.as_str())
    });
    let unloaded = unloaded.map(|name| Entry {
        name,
        version: None,
        state: "UNAVAILABLE",
        reason: Some("unloaded".to_owned()),
    });
    let mut entries: Vec<Entry> = served.iter().flat_map(|model| entries_of(model)).collect();
    entries.extend(unloaded);
    entries.retain(|entry| !asked.only_ready || entry.state == "READY");
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(show::shown(&entries))
}

/// `POST /v2/repository/models/{model}/load`: what its file holds now; a model that the config names
/// and that was unloaded is served again.
pub async fn load(
    app: &App,
    peer: SocketAddr,
    parts: &Parts,
    body: &mut Incoming,
    model: &str,
) -> Result<Reply, HttpError> {
    admin::check(app, peer, parts).await?;
    refuse_when_ending(app)?;
    let asked = decode_repository(&read(app, body).await?)?;
    if let Some(parameter) = asked.parameters.iter().find(|name| is_another_model(name)) {
        return Err(OperationError::Invalid(format!(
            "a model is loaded from its own file with the settings of Forge's config: the \
             parameter '{parameter}' cannot be given"
        ))
        .into());
    }
    app.operator.refresh(model.to_owned(), Asker::Http(peer)).await?;
    Ok(show::nothing())
}

/// `POST /v2/repository/models/{model}/unload`: what it has admitted is answered before. No model
/// depends on another, so that `unload_dependents` changes nothing.
pub async fn unload(
    app: &App,
    peer: SocketAddr,
    parts: &Parts,
    body: &mut Incoming,
    model: &str,
) -> Result<Reply, HttpError> {
    admin::check(app, peer, parts).await?;
    models::find(app, model)?;
    refuse_when_ending(app)?;
    decode_repository(&read(app, body).await?)?;
    app.operator.unload(model.to_owned(), Asker::Http(peer)).await?;
    Ok(show::nothing())
}

/// A model, or a version of it, as the index has it.
#[derive(Serialize)]
struct Entry {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

fn entries_of(model: &Model) -> Vec<Entry> {
    let status = model.status();
    let (state, reason) = match (status.state, &status.cause) {
        (ModelState::Ready, _) => ("READY", String::new()),
        (ModelState::Loading, _) => ("LOADING", String::new()),
        (ModelState::Draining, _) => ("UNLOADING", String::new()),
        (ModelState::Degraded, cause) => ("UNAVAILABLE", cause.clone().unwrap_or_default()),
    };
    let entry = |version: Option<String>| Entry {
        name: model.name.to_string(),
        version,
        state,
        reason: Some(reason.clone()),
    };
    let versions: Vec<Entry> =
        model.route().versions().map(|version| entry(Some(version.id().to_string()))).collect();
    if versions.is_empty() { vec![entry(None)] } else { versions }
}

/// Whether a parameter of a load stands for other settings or another file.
fn is_another_model(parameter: &str) -> bool {
    parameter == "config" || parameter.starts_with("file:")
}

fn refuse_when_ending(app: &App) -> Result<(), HttpError> {
    if app.is_asked_to_end() { Err(OperationError::Stopping.into()) } else { Ok(()) }
}

async fn read(app: &App, body: &mut Incoming) -> Result<Bytes, HttpError> {
    let bounds = body::Bounds {
        max_bytes: MOST_BYTES,
        says_so: "the most that the repository takes: models cannot be sent here",
        timeout: app.settings.body_timeout,
        budget: 2 * MOST_BYTES,
    };
    // Its own memory: a server whose memory is taken by requests can still be given another model.
    let mut memory = MemoryBudget::new(bounds.budget).reservation();
    body::read(body, bounds, &mut memory).await
}
