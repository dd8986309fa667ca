//! Builds answers.

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Body;
use hyper::header::{
    ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName,
    HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use hyper::{Response, StatusCode};

use super::encoding::UNDERSTOOD;
use super::error::HttpError;
use super::request_id::X_REQUEST_ID;
use super::status::{Dialect, challenge, exception, retry_after, status};
use crate::json;

/// What every handler gives back.
pub type Reply = Response<Full<Bytes>>;

/// An answer in JSON.
pub fn json(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    with_type(status, HeaderValue::from_static("application/json"), body)
}

/// An answer of the given content type.
pub fn with_type(status: StatusCode, content_type: HeaderValue, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, content_type);
    reply
}

/// An answer without a body.
pub fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(Full::default());
    *reply.status_mut() = status;
    reply
}

/// The answer to HEAD: what tells of the body, without it.
pub fn without_body(reply: Reply) -> Reply {
    let (mut head, body) = reply.into_parts();
    if let Some(length) = body.size_hint().exact().filter(|length| *length > 0) {
        head.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    Response::from_parts(head, Full::default())
}

/// `{"detail": …}`, `{"error": …}` or TorchServe's three members, with the error's status.
pub fn error(error: &HttpError, dialect: Dialect) -> Reply {
    let status = status(error, dialect);
    let mut body = match dialect {
        Dialect::Original => b"{\"detail\":".to_vec(),
        Dialect::Inference => b"{\"error\":".to_vec(),
        Dialect::TorchServe => {
            let (code, kind) = (status.as_u16(), exception(status));
            format!("{{\"code\":{code},\"type\":\"{kind}\",\"message\":").into_bytes()
        }
    };
    json::write_string(&mut body, &error.to_string());
    body.push(b'}');
    let mut reply = with_retry(json(status, body));
    if let HttpError::WrongMethod { allow, .. } = error {
        insert(&mut reply, ALLOW, allow);
    }
    if let HttpError::UnknownEncoding(_) = error {
        insert(&mut reply, ACCEPT_ENCODING, UNDERSTOOD);
    }
    if let Some(challenge) = challenge(error) {
        insert(&mut reply, WWW_AUTHENTICATE, challenge);
    }
    reply
}

/// Tells when to come again, where that can help.
pub fn with_retry(mut reply: Reply) -> Reply {
    if let Some(seconds) = retry_after(reply.status()) {
        insert(&mut reply, RETRY_AFTER, seconds);
    }
    reply
}

/// Names the request the answer belongs to.
pub fn named<B>(mut reply: Response<B>, id: HeaderValue) -> Response<B> {
    reply.headers_mut().insert(X_REQUEST_ID, id);
    reply
}

/// The connection ends with this answer.
pub fn last(mut reply: Reply) -> Reply {
    insert(&mut reply, CONNECTION, "close");
    reply
}

/// No cache may keep this answer: it tells of this very moment.
pub fn fresh(mut reply: Reply) -> Reply {
    insert(&mut reply, CACHE_CONTROL, "no-store");
    reply
}

fn insert(reply: &mut Reply, name: HeaderName, value: &'static str) {
    reply.headers_mut().insert(name, HeaderValue::from_static(value));
}
