//! Errors as gRPC tells them: the code of `http/status.rs`, the words of HTTP.

use tonic::Status;

use crate::http::{HttpError, grpc_code};

/// The status that a client is told.
pub fn to_status(error: &HttpError) -> Status {
    Status::new(grpc_code(error), error.to_string())
}
