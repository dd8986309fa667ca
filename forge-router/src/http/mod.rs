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

mod admin;
mod app;
mod asked;
mod body;
mod codec;
mod connection;
mod cors;
mod docs_page;
mod error;
mod health;
mod listener;
mod models;
mod openapi;
mod predict;
mod prediction;
mod reload;
mod reply;
mod request_id;
mod routes;
mod status;
mod wish;
mod write_timeout;

pub use app::{App, HttpSettings, Phase};
pub use listener::{BindError, Door, Listener};
