//! One request and what has to come back.

use std::fmt;

use bytes::Bytes;
use memchr::memmem::Finder;

use crate::answers::Learned;

/// A request that is ready to be sent, and how its answer is checked.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// HTTP/1.1: head and body (see [`post`](super::post)); gRPC: a message with its length before it
    /// (see [`frame`](super::frame)).
    pub request: Bytes,
    pub expected: Expected,
}

/// What an answer has to be, beside a success.
#[derive(Clone, Debug)]
pub enum Expected {
    Anything,
    /// Its body contains these bytes.
    Containing(Box<Finder<'static>>),
    /// It says the same as one that was learned.
    Like(Box<Learned>),
}

/// One answer, until the next one.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'connection> {
    pub status: Status,
    /// The header `Inference-Header-Content-Length`: how much of the body is JSON.
    pub json_bytes: Option<usize>,
    /// HTTP/1.1: the body; gRPC: the message, of a failure what the server says of it.
    pub body: &'connection [u8],
}

/// What a server made of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 200, or gRPC's OK.
    Success,
    /// The server has too much to do: 503, or gRPC's UNAVAILABLE.
    Refused,
    /// Any other status code of HTTP.
    Http(u16),
    /// Any other status code of gRPC.
    Grpc(u16),
}

impl Expected {
    /// Any answer whose body contains these bytes.
    pub fn containing(bytes: &[u8]) -> Self {
        Self::Containing(Box::new(Finder::new(bytes).into_owned()))
    }

    /// # Errors
    /// What is wrong with a successful answer, in a sentence.
    pub fn check(&self, answer: &Answer<'_>) -> Result<(), String> {
        match self {
            Self::Anything => Ok(()),
            Self::Containing(finder) if finder.find(answer.body).is_some() => Ok(()),
            Self::Containing(finder) => Err(format!(
                "{} is not in {}",
                String::from_utf8_lossy(finder.needle()),
                String::from_utf8_lossy(answer.body)
            )),
            Self::Like(learned) => learned.check(answer),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Success => formatter.write_str("with a success"),
            Self::Refused => formatter.write_str("with a refusal (HTTP 503, gRPC 14)"),
            Self::Http(code) => write!(formatter, "with HTTP {code}"),
            Self::Grpc(code) => write!(formatter, "with gRPC status {code}"),
        }
    }
}
