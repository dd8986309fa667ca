//! The HTTP front: connections, routes, and the way of a request from bytes to bytes.
//!
//! ```text
//! listener ─► connection ─► routes ─► predict: body ─► codec (JSON), tensors (other formats) ─►
//!                              │        Admitted::run ─► codec, tensors, classes
//!                              ├────► v2: infer the same way, from its own form · what is served
//!                              ├────► kserve_v1, torchserve: predict the same way, in their own JSON
//!                              ├────► crate::grpc: calls of gRPC
//!                              ├────► reload: admin (who may?) ─► Operator
//!                              └────► health, models, metrics, openapi, docs_page
//! ```
//!
//! It knows models by their public face only ([`crate::model`]): never workers, rings or the
//! supervisor. Every status code is decided in `status.rs`.

mod activity;
pub mod admin;
mod app;
mod asked;
mod body;
mod classes;
mod codec;
mod connection;
mod cors;
mod docs_page;
mod encoding;
mod error;
mod form;
mod gathered;
pub mod health;
mod kserve_v1;
mod last_words;
mod listener;
mod metrics;
pub mod models;
mod negotiation;
mod openapi;
mod order;
mod outgoing;
mod predict;
mod prediction;
mod reload;
mod rendered;
mod reply;
mod request_id;
mod routes;
mod rows;
mod segment;
mod status;
mod tensors;
mod torchserve;
mod v2;
pub mod wish;
mod write_timeout;

pub use app::{App, HttpSettings, Phase};
pub use body::{Bounds, SLOWEST_BYTES_PER_SECOND};
pub use codec::{LARGE, aside};
#[cfg(any(test, feature = "counting"))]
pub use connection::serve as serve_connection;
#[cfg(any(test, feature = "fuzzing"))]
pub use encoding::expand;
pub use encoding::{Encoding, expand_aside};
pub use error::HttpError;
#[cfg(any(test, feature = "fuzzing"))]
pub use form::only_field;
pub use gathered::Gathered;
pub use listener::{BindError, Door, Listener};
pub use prediction::{Asked, Decoded, Encoded, Prediction, Protocol, Served};
pub use routes::Caller;
pub use status::grpc_code;
