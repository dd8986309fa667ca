//! `/v2/repository`: what models there are, and loading and unloading them for those who may.

use std::net::SocketAddr;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::http::request::Parts;

use super::show;
use crate::http::app::App;
use crate::http::error::HttpError;
use crate::http::reply::Reply;
use crate::http::{admin, body, models};
use crate::json::decode_repository;
use crate::memory_budget::MemoryBudget;
use crate::operator::{Asker, OperationError};
use crate::v2;

/// Far more than the parameters take that are known.
const MOST_BYTES: usize = 64 * 1024;

/// `POST /v2/repository/index`: every model that is served, or that the config names.
pub async fn index(app: &App, body: &mut Incoming) -> Result<Reply, HttpError> {
    let asked = decode_repository(&read(app, body).await?)?;
    Ok(show::shown(&v2::index(&app.registry, asked.only_ready)))
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
    v2::check_load(asked.parameters.iter().map(String::as_str))?;
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
