//! The HTTP front: connections, routes, and the way of a request from bytes to bytes.
//!
//! ```text
//! listener ─► connection ─► routes ─► predict: body ─► json::decode ─► Admitted::run ─► json
//!                              ├────► reload: admin (who may?) ─► Operator
//!                              └────► health, models, metrics, openapi, docs_page
//! ```
//!
//! It knows models by their public face only ([`crate::model`]): never workers, rings or the
//! supervisor. Every status code is decided in `status.rs`.

mod activity;
pub mod admin;
mod app;
mod body;
mod codec;
mod connection;
mod cors;
mod docs_page;
mod error;
pub mod health;
mod listener;
pub mod models;
mod openapi;
mod outgoing;
mod predict;
mod prediction;
mod reload;
mod reply;
mod request_id;
mod routes;
mod status;
pub mod wish;
mod write_timeout;

pub use app::{App, HttpSettings, Phase};
pub use body::{Bounds, SLOWEST_BYTES_PER_SECOND};
pub use codec::{LARGE, aside};
pub use error::HttpError;
pub use listener::{BindError, Door, Listener};
pub use prediction::{Asked, Decoded, Encoded, Prediction, Protocol, Served};
pub use routes::Caller;
pub use status::grpc_code;
