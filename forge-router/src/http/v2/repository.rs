//! `/v2/repository`: what models there are, and loading and unloading them for those who may.

use std::net::SocketAddr;

use hyper::body::Incoming;
use hyper::http::request::Parts;

use super::show;
use crate::http::app::App;
use crate::http::error::HttpError;
use crate::http::reply::Reply;
use crate::http::{admin, models, order};
use crate::json::decode_repository;
use crate::operator::Asker;
use crate::v2;

/// Why a body cannot be larger.
const SAYS_SO: &str = "the most that the repository takes: models cannot be sent here";

/// `POST /v2/repository/index`: every model that is served, or that the config names.
pub async fn index(app: &App, body: &mut Incoming) -> Result<Reply, HttpError> {
    let asked = decode_repository(&order::read(app, body, SAYS_SO).await?)?;
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
    app.check_takes_changes()?;
    let asked = decode_repository(&order::read(app, body, SAYS_SO).await?)?;
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
    app.check_takes_changes()?;
    decode_repository(&order::read(app, body, SAYS_SO).await?)?;
    app.operator.unload(model.to_owned(), Asker::Http(peer)).await?;
    Ok(show::nothing())
}
