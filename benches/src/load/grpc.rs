//! A client of unary gRPC calls over HTTP/2 without TLS (gRPC's `PROTOCOL-HTTP2.md`).

use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{self, SendRequest};
use hyper::{HeaderMap, Request, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use super::exchange::{Answer, Status};

/// As much as both ends let lie on the way: more than the tensors that are measured.
const WINDOW: u32 = 8 << 20;

/// A flag and the length of a message.
const PREFIX: usize = 5;

const OK: u16 = 0;
const UNAVAILABLE: u16 = 14;
/// Where a server tells none.
const UNKNOWN: u16 = 2;

/// A message as it is sent: not compressed, with its length before it.
pub fn frame(message: &[u8]) -> Bytes {
    let mut framed = BytesMut::with_capacity(message.len() + PREFIX);
    framed.put_u8(0);
    // Longer ones are beyond what the protocol can tell; a server refuses them.
    framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    framed.put_slice(message);
    framed.freeze()
}

/// A connection that has one call at a time.
#[derive(Debug)]
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    uri: Uri,
    /// The message, or what the server says of a failure.
    answer: Bytes,
}

impl Connection {
    pub(super) async fn open(address: &str, method: &str) -> io::Result<Self> {
        let uri = format!("http://{address}{method}").parse().map_err(io::Error::other)?;
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        // It ends when the sender is dropped; what breaks it breaks the calls, which tell.
        tokio::spawn(connection);
        Ok(Self { sender, uri, answer: Bytes::new() })
    }

    pub(super) fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    pub(super) async fn exchange(&mut self, request: &Bytes) -> io::Result<Answer<'_>> {
        let request = Request::post(self.uri.clone())
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(Full::new(request.clone()))
            .map_err(io::Error::other)?;
        self.sender.ready().await.map_err(io::Error::other)?;
        let response = self.sender.send_request(request).await.map_err(io::Error::other)?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?;
        // A call that fails at once has its status in the head.
        let trailers = body.trailers().unwrap_or(&head.headers);
        let status = match code(trailers) {
            OK => Status::Success,
            UNAVAILABLE => Status::Refused,
            code => Status::Grpc(code),
        };
        let message = trailers.get("grpc-message").filter(|_| status != Status::Success);
        self.answer = match message {
            Some(message) => Bytes::copy_from_slice(message.as_bytes()),
            None => {
                let mut framed = body.to_bytes();
                framed.advance(PREFIX.min(framed.len()));
                framed
            }
        };
        Ok(Answer { status, json_bytes: None, body: &self.answer })
    }
}

fn code(headers: &HeaderMap) -> u16 {
    let code = headers.get("grpc-status").and_then(|code| code.to_str().ok());
    code.and_then(|code| code.parse().ok()).unwrap_or(UNKNOWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_its_length_before_it() {
        assert_eq!(frame(b"abc"), b"\0\0\0\0\x03abc".as_slice());
    }
}
