//! A connection of either transport, with one request at a time.

use std::io;

use super::exchange::Answer;
use super::{grpc, http1};

/// What requests travel over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    Http1,
    /// A unary call of `/package.Service/Method`, over HTTP/2 without TLS.
    Grpc {
        method: String,
    },
}

/// An open connection.
#[derive(Debug)]
pub enum Connection {
    Http1(http1::Connection),
    Grpc(grpc::Connection),
}

impl Connection {
    /// # Errors
    /// Where nobody listens at `host:port`, or does not speak the transport.
    pub async fn open(address: &str, transport: &Transport) -> io::Result<Self> {
        Ok(match transport {
            Transport::Http1 => Self::Http1(http1::Connection::open(address).await?),
            Transport::Grpc { method } => {
                Self::Grpc(grpc::Connection::open(address, method).await?)
            }
        })
    }

    /// Sends a request and reads its answer whole.
    ///
    /// # Errors
    /// Where the connection broke or what came is no answer. It cannot be used again then.
    pub async fn exchange(&mut self, request: &bytes::Bytes) -> io::Result<Answer<'_>> {
        match self {
            Self::Http1(connection) => connection.exchange(request).await,
            Self::Grpc(connection) => connection.exchange(request).await,
        }
    }

    /// Whether the server takes another request on it.
    pub fn is_open(&self) -> bool {
        match self {
            Self::Http1(connection) => connection.is_open(),
            Self::Grpc(connection) => connection.is_open(),
        }
    }
}
