//! An HTTP/2 client that sends what it is told to and need not read what comes.

use bytes::Bytes;
use forge_tests::{Forge, PATIENCE};
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use hyper::body::Incoming;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

type Body = BoxBody<Bytes, std::convert::Infallible>;

/// One connection. It goes on only while something is waited for.
pub(crate) struct Http2 {
    runtime: Runtime,
    sender: SendRequest<Body>,
}

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
    headers: hyper::HeaderMap,
}

impl Http2 {
    pub(crate) fn connect(forge: &Forge) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let address = forge.address();
        let sender = runtime.block_on(async {
            let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
            let (sender, connection) = handshake(TokioExecutor::new(), stream).await.unwrap();
            tokio::spawn(connection);
            sender
        });
        Self { runtime, sender }
    }

    /// Sends a request and waits for the head of its answer.
    pub(crate) fn try_begin(
        &mut self,
        method: &str,
        path: &str,
        content_type: &str,
        body: Body,
    ) -> hyper::Result<Response<Incoming>> {
        let request = Request::builder().method(method).uri(format!("http://localhost{path}"));
        let request = request.header("content-type", content_type).body(body).unwrap();
        let sender = &mut self.sender;
        self.runtime.block_on(async {
            let answer = async {
                sender.ready().await?;
                sender.send_request(request).await
            };
            tokio::time::timeout(PATIENCE, answer).await.expect("an answer comes")
        })
    }

    /// Sends a request and reads its answer.
    pub(crate) fn ask(
        &mut self,
        method: &str,
        path: &str,
        content_type: &str,
        body: Body,
    ) -> Answer {
        let response = self.try_begin(method, path, content_type, body).expect("an answer");
        let (head, body) = response.into_parts();
        let body = self.runtime.block_on(body.collect()).expect("its body").to_bytes();
        Answer { status: head.status.as_u16(), headers: head.headers, body }
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// A body that is there.
pub(crate) fn whole(bytes: impl Into<Bytes>) -> Body {
    http_body_util::Full::new(bytes.into()).boxed()
}

/// A body that comes piece by piece, of a length that nobody is told.
pub(crate) fn pieces(pieces: impl Iterator<Item = Bytes> + Send + Sync + 'static) -> Body {
    let frames = pieces.map(|piece| Ok(hyper::body::Frame::data(piece)));
    BodyExt::boxed(http_body_util::StreamBody::new(tokio_stream::iter(frames)))
}

/// A body that begins so and never goes on.
pub(crate) fn begun(bytes: &'static [u8]) -> Body {
    let first = tokio_stream::once(Ok(hyper::body::Frame::data(Bytes::from_static(bytes))));
    let never = tokio_stream::StreamExt::chain(first, tokio_stream::pending());
    BodyExt::boxed(http_body_util::StreamBody::new(never))
}
