//! `/v2`: the Open Inference Protocol over HTTP, as Triton and KServe speak it.
//!
//! ```text
//! routes ─► v2::find ─► Route ─► answer ─┬─► infer: body ─► codec ─► crate::v2 ─► Prediction::run
//!                                        ├─► repository: admin (who may?) ─► Operator
//!                                        └─► show: metadata, config, statistics, health
//! ```
//!
//! What requests and answers are is `crate::v2`'s; their JSON is `crate::json`'s. Here are the paths,
//! the headers and the bodies' ways. Sources: `inference_rest.md` of the protocol, Triton's
//! `extension_*.md` and its `http_server.cc`, which real clients follow where they differ.

mod codec;
mod framing;
mod infer;
mod repository;
mod route;
mod show;

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::http::request::Parts;

use super::app::App;
use super::error::HttpError;
use super::reply::Reply;
use super::routes;

pub use route::{Route, Target, find};

/// Answers a request below `/v2`, or says why not.
pub async fn answer(
    app: &Arc<App>,
    peer: SocketAddr,
    parts: &Parts,
    mut body: Incoming,
    route: &Route<'_>,
    id: &HeaderValue,
) -> Reply {
    let outcome = match route {
        Route::Infer(target) => return infer::answer(app, parts, body, target, id).await,
        Route::Load { model } => repository::load(app, peer, parts, &mut body, model).await,
        Route::Unload { model } => repository::unload(app, peer, parts, &mut body, model).await,
        Route::Index => repository::index(app, &mut body).await,
        Route::Server => Ok(show::server()),
        Route::Live => Ok(show::live()),
        Route::Ready => Ok(show::ready(app)),
        Route::Models => Ok(show::models(app)),
        Route::Model(target) => show::model(app, target),
        Route::ModelReady(target) => show::model_ready(app, target),
        Route::Configuration(target) => show::configuration(app, target),
        Route::Statistics(target) => show::statistics(app, target.as_ref()),
        Route::SharedMemoryStatus => Ok(show::no_regions()),
        Route::SharedMemoryUnregister => Ok(show::nothing()),
        Route::SharedMemoryRegister => Err(HttpError::NotSupported(
            "there is no shared memory here: send the tensors themselves, binary or in JSON",
        )),
        Route::Settings => {
            Err(HttpError::NotSupported("trace and log settings cannot be read or set here"))
        }
    };
    match outcome {
        Ok(reply) => reply,
        Err(error) => routes::refuse(app, parts, &mut body, &error, route.model(), id).await,
    }
}
