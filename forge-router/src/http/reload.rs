//! `POST /v1/{model}/reload`: another checkpoint under a model's name.

use std::net::SocketAddr;
use std::path::PathBuf;

use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::http::request::Parts;

use super::app::App;
use super::error::HttpError;
use super::reply::{self, Reply};
use super::{admin, models, order, routes};
use crate::json::{decode_reload, write_string};
use crate::operator::{Asker, OperationError, Role, Share, ShareError, SwapOrder, Swapped};

/// Swaps the model for those who may, or says why not.
pub async fn answer(
    app: &App,
    peer: SocketAddr,
    parts: &Parts,
    mut body: Incoming,
    name: &str,
    id: &HeaderValue,
) -> Reply {
    match reload(app, peer, parts, &mut body, name).await {
        Ok(swapped) => reply::fresh(reply::json(StatusCode::OK, report(&swapped))),
        Err(error) => routes::refuse(app, parts, &mut body, &error, name, id).await,
    }
}

async fn reload(
    app: &App,
    peer: SocketAddr,
    parts: &Parts,
    body: &mut Incoming,
    name: &str,
) -> Result<Swapped, HttpError> {
    admin::check(app, peer, parts).await?;
    models::find(app, name)?;
    app.check_takes_changes()?;
    let order = read_order(app, body, name).await?;
    Ok(app.operator.swap(order, Asker::Http(peer)).await?)
}

async fn read_order(app: &App, body: &mut Incoming, name: &str) -> Result<SwapOrder, HttpError> {
    let asked = decode_reload(&order::read(app, body, "the most that a reload takes").await?)?;
    let invalid = |error: ShareError| OperationError::Invalid(format!("\"canary\": {error}"));
    let canary = asked.canary.map(|share| share.parse::<Share>().map_err(invalid)).transpose()?;
    Ok(SwapOrder { model: name.to_owned(), path: PathBuf::from(asked.model_path), canary })
}

/// `{"status": "swapped", "model": …, "path": …, "version": …, "duration_ms": …}`
fn report(swapped: &Swapped) -> Vec<u8> {
    let mut body = b"{\"status\":".to_vec();
    match swapped.role {
        Role::Canary(share) => {
            body.extend_from_slice(b"\"canary\",\"canary\":");
            write_string(&mut body, &share.to_string());
        }
        Role::Stable | Role::Loading | Role::Draining => body.extend_from_slice(b"\"swapped\""),
    }
    body.extend_from_slice(b",\"model\":");
    write_string(&mut body, &swapped.model);
    body.extend_from_slice(b",\"path\":");
    write_string(&mut body, &swapped.path.to_string_lossy());
    let milliseconds = swapped.duration.as_secs_f64() * 1000.0;
    let rest = format!(",\"version\":{},\"duration_ms\":{milliseconds:.3}}}", swapped.version);
    body.extend_from_slice(rest.as_bytes());
    body
}

#[cfg(test)]
mod tests;
