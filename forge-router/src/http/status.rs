//! The only place where a status code is decided.

use hyper::StatusCode;
use tonic::Code;

use super::admin::AdminError;
use super::error::HttpError;
use crate::formats::FormatError;
use crate::metrics::Outcome;
use crate::operator::OperationError;
use crate::request::RequestError;

/// How requests whose client hung up are logged, as nginx does.
pub const CLIENT_CLOSED_REQUEST: u16 = 499;

/// The answer to a preflight.
pub const PREFLIGHT: StatusCode = StatusCode::NO_CONTENT;

/// The answer to an old or another name of a page. Not a permanent one: browsers keep those, and the
/// port may be another program's tomorrow.
pub const ELSEWHERE: StatusCode = StatusCode::TEMPORARY_REDIRECT;

/// The answer to who holds what is asked for.
pub const UNCHANGED: StatusCode = StatusCode::NOT_MODIFIED;

/// How the clients of a path expect to be told of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// The original's: `{"detail": …}`, 422 for what cannot be understood.
    Original,
    /// Triton's and KServe's: `{"error": …}`, 400 for what cannot be understood.
    Inference,
    /// TorchServe's: `{"code": …, "type": …, "message": …}`, 400 for what cannot be understood.
    TorchServe,
}

impl Dialect {
    pub fn of(path: &str) -> Self {
        let is_v1 = path.starts_with("/v1/models/") && path.ends_with(":predict");
        if path == "/v2" || path.starts_with("/v2/") || is_v1 {
            Self::Inference
        } else if path.starts_with("/predictions/") {
            Self::TorchServe
        } else {
            Self::Original
        }
    }
}

/// What a probe reads.
pub fn readiness(is_ready: bool) -> StatusCode {
    if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

/// The status of an error.
pub fn status(error: &HttpError, dialect: Dialect) -> StatusCode {
    match (status_of_original(error), dialect) {
        // As Triton does.
        (_, Dialect::Inference) if matches!(error, HttpError::UnknownEncoding(_)) => {
            StatusCode::NOT_IMPLEMENTED
        }
        (StatusCode::UNPROCESSABLE_ENTITY, Dialect::Inference | Dialect::TorchServe) => {
            StatusCode::BAD_REQUEST
        }
        (status, _) => status,
    }
}

/// The status of an error in gRPC. Clients come again by themselves after `UNAVAILABLE`, and after that
/// alone.
pub fn grpc_code(error: &HttpError) -> Code {
    match error {
        HttpError::Request(error) => code_of_request(error),
        HttpError::Operation(error) => code_of_operation(error),
        HttpError::BodyTooLarge { .. } => Code::ResourceExhausted,
        HttpError::BodyTooSlow(_) => Code::DeadlineExceeded,
        HttpError::BodyBroken(_) => Code::Cancelled,
        // As gRPC's `compression.md` has it.
        HttpError::Framing(_) => Code::Internal,
        error => match status_of_original(error) {
            StatusCode::NOT_FOUND => Code::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Code::Unimplemented,
            StatusCode::FORBIDDEN => Code::PermissionDenied,
            StatusCode::UNAUTHORIZED => Code::Unauthenticated,
            StatusCode::SERVICE_UNAVAILABLE => Code::Unavailable,
            StatusCode::INTERNAL_SERVER_ERROR => Code::Internal,
            _ => Code::InvalidArgument,
        },
    }
}

fn code_of_request(error: &RequestError) -> Code {
    match error {
        RequestError::Invalid(_) | RequestError::RowTooLarge { .. } => Code::InvalidArgument,
        RequestError::UnknownVersion { .. } => Code::NotFound,
        RequestError::Expired { .. } => Code::DeadlineExceeded,
        error => match status_of_request(error) {
            StatusCode::SERVICE_UNAVAILABLE => Code::Unavailable,
            _ => Code::Internal,
        },
    }
}

fn code_of_operation(error: &OperationError) -> Code {
    match error {
        OperationError::UnknownModel { .. } => Code::NotFound,
        OperationError::Invalid(_) | OperationError::Load { .. } => Code::InvalidArgument,
        OperationError::OutsideRoot { .. } => Code::PermissionDenied,
        OperationError::ModelExists { .. } => Code::AlreadyExists,
        OperationError::Busy { .. } => Code::Aborted,
        OperationError::Memory { .. } | OperationError::Stopping => Code::Unavailable,
        OperationError::NoCanary { .. }
        | OperationError::HasCanary { .. }
        | OperationError::CanaryNotReady { .. }
        | OperationError::NoPrevious { .. }
        | OperationError::Changed { .. } => Code::FailedPrecondition,
    }
}

fn status_of_original(error: &HttpError) -> StatusCode {
    match error {
        HttpError::UnknownModel { .. } | HttpError::NoRoute { .. } => StatusCode::NOT_FOUND,
        HttpError::WrongMethod { .. } => StatusCode::METHOD_NOT_ALLOWED,
        HttpError::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        HttpError::BodyTooSlow(_) => StatusCode::REQUEST_TIMEOUT,
        HttpError::BodyBroken(_) | HttpError::Framing(_) => StatusCode::BAD_REQUEST,
        HttpError::Decode(_) | HttpError::UnknownRoute => StatusCode::UNPROCESSABLE_ENTITY,
        HttpError::Format(error) => status_of_format(error),
        HttpError::Request(error) => status_of_request(error),
        HttpError::Admin(error) => status_of_admin(error),
        HttpError::Operation(error) => status_of_operation(error),
        // RFC 9110, section 15.5.16.
        HttpError::UnknownEncoding(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        HttpError::NotSupported(_) => StatusCode::NOT_IMPLEMENTED,
        HttpError::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn status_of_format(error: &FormatError) -> StatusCode {
    match error {
        FormatError::UnknownType { .. } | FormatError::NoImages { .. } => {
            StatusCode::UNSUPPORTED_MEDIA_TYPE
        }
        FormatError::NotAcceptable(_) => StatusCode::NOT_ACCEPTABLE,
        FormatError::Malformed { .. } | FormatError::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
        FormatError::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        FormatError::Memory { .. } => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn status_of_request(error: &RequestError) -> StatusCode {
    match error {
        RequestError::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
        RequestError::UnknownVersion { .. } => StatusCode::NOT_FOUND,
        RequestError::RowTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        RequestError::NotReady { .. }
        | RequestError::QueueFull { .. }
        | RequestError::MemoryFull { .. }
        | RequestError::OutOfMemory(_)
        | RequestError::WorkerLost(_) => StatusCode::SERVICE_UNAVAILABLE,
        RequestError::Expired { .. } => StatusCode::GATEWAY_TIMEOUT,
        RequestError::Internal(_)
        | RequestError::Blamed(_)
        | RequestError::ModelThrew(_)
        | RequestError::OutputShape(_)
        | RequestError::OutputTooLarge { .. } => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn status_of_admin(error: &AdminError) -> StatusCode {
    match error {
        AdminError::Off
        | AdminError::OtherOrigin
        | AdminError::BeyondLoopback(_)
        | AdminError::OtherMachine(_)
        | AdminError::OtherHost(_)
        | AdminError::Forwarded(_) => StatusCode::FORBIDDEN,
        // RFC 6750, section 3.1: another token may be a good one, so this is no 403.
        AdminError::NoToken | AdminError::WrongToken => StatusCode::UNAUTHORIZED,
        AdminError::NoTokens(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn status_of_operation(error: &OperationError) -> StatusCode {
    match error {
        OperationError::UnknownModel { .. } => StatusCode::NOT_FOUND,
        OperationError::Invalid(_) | OperationError::Load { .. } => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        OperationError::OutsideRoot { .. } => StatusCode::FORBIDDEN,
        OperationError::ModelExists { .. }
        | OperationError::Busy { .. }
        | OperationError::NoCanary { .. }
        | OperationError::HasCanary { .. }
        | OperationError::CanaryNotReady { .. }
        | OperationError::NoPrevious { .. }
        | OperationError::Changed { .. } => StatusCode::CONFLICT,
        OperationError::Memory { .. } | OperationError::Stopping => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// What TorchServe's clients read of the kind of an error.
pub fn exception(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST | StatusCode::UNSUPPORTED_MEDIA_TYPE => "BadRequestException",
        StatusCode::NOT_FOUND => "ModelNotFoundException",
        StatusCode::METHOD_NOT_ALLOWED => "MethodNotAllowedException",
        StatusCode::PAYLOAD_TOO_LARGE => "RequestEntityTooLargeException",
        StatusCode::SERVICE_UNAVAILABLE => "ServiceUnavailableException",
        StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => "RequestTimeoutException",
        _ => "InternalServerException",
    }
}

/// What a refused client is asked to send (RFC 6750, section 3).
pub fn challenge(error: &HttpError) -> Option<&'static str> {
    match error {
        HttpError::Admin(AdminError::NoToken) => Some("Bearer realm=\"forge\""),
        HttpError::Admin(AdminError::WrongToken) => {
            Some("Bearer realm=\"forge\", error=\"invalid_token\"")
        }
        _ => None,
    }
}

/// Seconds after which a refused client may come again; `None` where that would not help.
pub fn retry_after(status: StatusCode) -> Option<&'static str> {
    (status == StatusCode::SERVICE_UNAVAILABLE).then_some("1")
}

/// What the error counts as.
pub fn outcome(error: &HttpError) -> Outcome {
    match error {
        HttpError::Request(RequestError::Expired { .. }) => Outcome::Timeout,
        HttpError::Request(
            RequestError::NotReady { .. }
            | RequestError::QueueFull { .. }
            | RequestError::MemoryFull { .. },
        )
        | HttpError::Format(FormatError::Memory { .. }) => Outcome::Rejected,
        HttpError::BodyBroken(_) => Outcome::Cancelled,
        _ => Outcome::Error,
    }
}
