//! The body of an answer, whichever protocol made it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;

use super::activity::{Exchange, Message};
use crate::grpc::{Counted, Status};

/// A body on its way to the client.
#[derive(Debug)]
pub struct Outgoing {
    kind: Kind,
    /// What has come of the body and is not on its way.
    message: Option<Message>,
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
        Self::of(Kind::Grpc(body))
    }

    pub fn part_of(self, exchange: Exchange) -> Self {
        Self { exchange: Some(exchange), ..self }
    }

    fn of(kind: Kind) -> Self {
        Self { kind, message: None, exchange: None }
    }

    /// The next piece of what has come; all of it that has been handed on is let go of.
    fn piece(&mut self) -> Option<Frame<Bytes>> {
        let message = self.message.as_mut()?;
        let piece = message.piece();
        if message.is_sent() {
            self.message = None;
        }
        piece.map(Frame::data)
    }
}

impl From<Full<Bytes>> for Outgoing {
    fn from(body: Full<Bytes>) -> Self {
        Self::of(Kind::Whole(body))
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Some(piece) = self.piece() {
            return Poll::Ready(Some(Ok(piece)));
        }
        let (frame, held) = match &mut self.kind {
            Kind::Whole(body) => match ready!(Pin::new(body).poll_frame(context)) {
                Some(Ok(frame)) => (frame, Vec::new()),
                None => return Poll::Ready(None),
                Some(Err(never)) => match never {},
            },
            Kind::Grpc(body) => match ready!(Pin::new(&mut *body).poll_frame(context)) {
                Some(Ok(frame)) => {
                    let bytes = frame.data_ref().map_or(0, Bytes::len);
                    (frame, body.held_for(bytes))
                }
                other => return Poll::Ready(other),
            },
        };
        let bytes = match (frame.into_data(), &self.exchange) {
            (Ok(bytes), Some(exchange)) => exchange.message(bytes, held, Instant::now),
            (Ok(bytes), None) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
            (Err(trailers), _) => return Poll::Ready(Some(Ok(trailers))),
        };
        self.message = Some(bytes);
        let piece = self.piece().unwrap_or_else(|| Frame::data(Bytes::new()));
        Poll::Ready(Some(Ok(piece)))
    }

    fn is_end_stream(&self) -> bool {
        let is_end = match &self.kind {
            Kind::Whole(body) => body.is_end_stream(),
            Kind::Grpc(body) => body.is_end_stream(),
        };
        is_end && self.message.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let left = self.message.as_ref().map_or(0, Message::left) as u64;
        match &self.kind {
            Kind::Whole(body) => {
                SizeHint::with_exact(body.size_hint().exact().unwrap_or_default() + left)
            }
            Kind::Grpc(_) => SizeHint::default(),
        }
    }
}
