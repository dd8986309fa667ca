//! The body of an answer, whichever protocol made it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;

use super::activity::Exchange;
use crate::grpc::{Counted, Status};

/// A body on its way to the client.
#[derive(Debug)]
pub struct Outgoing {
    kind: Kind,
    /// Once the connection that it goes to knows it.
    exchange: Option<Exchange>,
}

#[derive(Debug)]
enum Kind {
    Whole(Full<Bytes>),
    Grpc(Counted),
}

impl Outgoing {
    pub fn grpc(body: Counted) -> Self {
        Self { kind: Kind::Grpc(body), exchange: None }
    }

    pub fn part_of(self, exchange: Exchange) -> Self {
        Self { exchange: Some(exchange), ..self }
    }

    fn sent<H: Send + 'static>(&self, frame: Frame<Bytes>, held: H) -> Frame<Bytes> {
        let Some(exchange) = &self.exchange else { return frame };
        frame.map_data(|bytes| exchange.piece(bytes, held, Instant::now()))
    }
}

impl From<Full<Bytes>> for Outgoing {
    fn from(body: Full<Bytes>) -> Self {
        Self { kind: Kind::Whole(body), exchange: None }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match &mut self.kind {
            Kind::Whole(body) => {
                let Some(Ok(frame)) = ready!(Pin::new(body).poll_frame(context)) else {
                    return Poll::Ready(None);
                };
                let is_http2 = self.exchange.as_ref().is_some_and(Exchange::is_http2);
                Poll::Ready(Some(Ok(if is_http2 { self.sent(frame, ()) } else { frame })))
            }
            Kind::Grpc(body) => {
                let frame = ready!(Pin::new(&mut *body).poll_frame(context));
                let Some(Ok(frame)) = frame else { return Poll::Ready(frame) };
                let held = frame.data_ref().map(|bytes| body.held_for(bytes.len()));
                Poll::Ready(Some(Ok(self.sent(frame, held))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Whole(body) => body.is_end_stream(),
            Kind::Grpc(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Whole(body) => body.size_hint(),
            Kind::Grpc(body) => body.size_hint(),
        }
    }
}
