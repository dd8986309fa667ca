//! What a handler knows of the call it answers, beside its message.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hyper::HeaderMap;
use hyper::header::HeaderValue;
use hyper::http::request::Parts;
use hyper::http::uri::Uri;
use tokio::sync::watch;
use tonic::Status;

use super::meter::{Arrived, Inbox};
use super::outbox::Outbox;
use super::timeout;
use crate::http::Encoding;

/// One call, from the bytes of its head to the last of its answer; it travels in the extensions of
/// tonic's request.
#[derive(Clone, Debug)]
pub struct Call {
    pub id: HeaderValue,
    pub peer: SocketAddr,
    /// With the host that the client calls this server by.
    pub uri: Uri,
    pub began: Instant,
    /// How those of its messages are compressed that are.
    pub encoding: Option<Encoding>,
    pub inbox: Inbox,
    pub outbox: Outbox,
    /// True once the connection takes no more requests.
    pub draining: watch::Receiver<bool>,
}

impl Call {
    /// The message that came next.
    pub fn arrived(&self) -> Result<Arrived, Status> {
        self.inbox.take().ok_or_else(|| Status::internal("a message that is not in the inbox"))
    }
}

/// A call and its metadata, taken out of a tonic request.
#[derive(Debug)]
pub struct Asked {
    pub call: Call,
    pub headers: HeaderMap,
}

impl Asked {
    /// A request as its call, its metadata and its message.
    pub fn of<T>(request: tonic::Request<T>) -> Result<(Self, T), Status> {
        let (metadata, mut extensions, message) = request.into_parts();
        let call = extensions.remove::<Call>();
        let call = call.ok_or_else(|| Status::internal("a request without its call"))?;
        Ok((Self { call, headers: metadata.into_headers() }, message))
    }

    /// What is left of the time that the client gives (`grpc-timeout`), where it gives any.
    pub fn timeout(&self) -> Option<Duration> {
        let timeout = timeout::of(&self.headers)?;
        Some(timeout.saturating_sub(self.call.began.elapsed()))
    }

    /// The head of the request, as rules about HTTP's requests look at it.
    pub fn head(&self) -> Parts {
        let mut parts = hyper::Request::new(()).into_parts().0;
        parts.uri = self.call.uri.clone();
        parts.headers = self.headers.clone();
        parts
    }
}
