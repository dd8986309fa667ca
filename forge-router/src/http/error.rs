//! Everything a client may be told instead of an answer.

use std::time::Duration;

use hyper::Method;

use super::admin::AdminError;
use super::encoding::UNDERSTOOD;
use crate::formats::FormatError;
use crate::json::DecodeError;
use crate::operator::OperationError;
use crate::request::RequestError;

/// Why a request was not answered as asked. `status.rs` maps each to its status.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    // --- the client's fault
    #[error("Model '{name}' not found. Registered: [{}]", quoted(.registered))]
    UnknownModel { name: String, registered: Vec<String> },
    #[error("there is no {path}")]
    NoRoute { path: String },
    #[error("{path} takes {allow}, not {method}")]
    WrongMethod { path: String, method: Method, allow: &'static str },
    #[error("the header X-Forge-Route is neither 'canary' nor 'stable'")]
    UnknownRoute,
    #[error("the body is larger than {limit} bytes ({says_so})")]
    BodyTooLarge { limit: usize, says_so: &'static str },
    #[error("the body came too slowly: more than {0:?} without enough of it")]
    BodyTooSlow(Duration),
    #[error("the body ended early: {0}")]
    BodyBroken(hyper::Error),
    /// gRPC's framing of messages is broken.
    #[error("{0}")]
    Framing(&'static str),
    #[error("the body has the encoding '{0}', understood are {UNDERSTOOD}")]
    UnknownEncoding(String),
    /// A part of the Open Inference Protocol that there is not.
    #[error("{0}")]
    NotSupported(&'static str),
    // --- whose fault each of these tells
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error(transparent)]
    Format(#[from] FormatError),
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error(transparent)]
    Admin(#[from] AdminError),
    #[error(transparent)]
    Operation(#[from] OperationError),
    // --- Forge's own fault
    #[error("internal error: {0}")]
    Internal(String),
}

/// Names as the original listed them.
fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ")
}
