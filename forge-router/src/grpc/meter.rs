//! The body of a call on its way in: its messages are bounded, counted and have to come in time.
//!
//! gRPC puts five bytes before each message: whether it is compressed, and its length. Once they are
//! there the message's memory is reserved, so that tonic's buffer for it is.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep};
use tokio_stream::Stream;
use tokio_stream::wrappers::WatchStream;
use tonic::Status;

use super::error::to_status;
use crate::http::{Bounds, HttpError, SLOWEST_BYTES_PER_SECOND};
use crate::memory_budget::{MemoryBudget, Reservation};
use crate::request::RequestError;

/// Whether it is compressed, and a length of four bytes (gRPC's `PROTOCOL-HTTP2.md`).
const PREFIX: usize = 5;

/// What is reserved for the messages that came and that nobody has taken yet, in their order.
#[derive(Clone, Debug, Default)]
pub struct Inbox(Arc<Mutex<VecDeque<Reservation>>>);

/// See the module's documentation.
#[derive(Debug)]
pub struct Metered<B = Incoming> {
    body: B,
    inbox: Inbox,
    budget: Arc<MemoryBudget>,
    bounds: Bounds,
    place: Place,
    /// Since when the message that is coming comes, and how much of it has.
    pace: Pace,
    /// Resolves when nothing came for too long.
    too_long: Pin<Box<Sleep>>,
    /// Ends a stream of messages between two of them; `None` for a single message.
    draining: Option<WatchStream<bool>>,
}

/// Where in a message the body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// So many bytes of the prefix are there.
    Prefix([u8; PREFIX], usize),
    /// So many bytes of the message are still to come.
    Message(usize),
}

const BETWEEN: Place = Place::Prefix([0; PREFIX], 0);

#[derive(Clone, Copy, Debug)]
struct Pace {
    began: Instant,
    received: u64,
}

impl Inbox {
    /// What is reserved for the next message.
    pub fn take(&self) -> Option<Reservation> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    fn put(&self, memory: Reservation) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(memory);
    }
}

impl<B> Metered<B> {
    /// `draining`: what ends the body, where it is a stream of messages.
    pub fn new(
        body: B,
        bounds: Bounds,
        budget: &Arc<MemoryBudget>,
        draining: Option<watch::Receiver<bool>>,
    ) -> Self {
        Self {
            body,
            inbox: Inbox::default(),
            budget: Arc::clone(budget),
            bounds,
            place: BETWEEN,
            pace: Pace { began: Instant::now(), received: 0 },
            too_long: Box::pin(tokio::time::sleep(bounds.timeout)),
            draining: draining.map(WatchStream::new),
        }
    }

    pub fn inbox(&self) -> Inbox {
        self.inbox.clone()
    }

    /// Follows the messages through a piece.
    fn came(&mut self, mut piece: &[u8]) -> Result<(), HttpError> {
        self.pace.received += piece.len() as u64;
        let allowed = Duration::from_secs(self.pace.received / SLOWEST_BYTES_PER_SECOND);
        if self.pace.began.elapsed() > self.bounds.timeout + allowed {
            return Err(HttpError::BodyTooSlow(self.bounds.timeout));
        }
        while let Some(first) = piece.first().copied() {
            match self.place {
                Place::Prefix(mut prefix, count) => {
                    if let Some(byte) = prefix.get_mut(count) {
                        *byte = first;
                    }
                    piece = &piece[1..];
                    self.place = Place::Prefix(prefix, count + 1);
                    if count + 1 == PREFIX {
                        self.place = self.announced(prefix)?;
                    }
                }
                Place::Message(left) => {
                    let taken = left.min(piece.len());
                    piece = &piece[taken..];
                    self.place = message(left - taken);
                }
            }
        }
        Ok(())
    }

    fn announced(&mut self, prefix: [u8; PREFIX]) -> Result<Place, HttpError> {
        let [_, length @ ..] = prefix;
        let length = u32::from_be_bytes(length) as usize;
        if length > self.bounds.max_bytes {
            let Bounds { max_bytes, says_so, .. } = self.bounds;
            return Err(HttpError::BodyTooLarge { limit: max_bytes, says_so });
        }
        let mut memory = self.budget.reservation();
        if !memory.grow(length) {
            return Err(RequestError::MemoryFull { limit: self.bounds.budget }.into());
        }
        self.inbox.put(memory);
        Ok(message(length))
    }

    fn is_between(&self) -> bool {
        self.place == BETWEEN
    }

    /// Whether a client may leave as much time as it likes before the next piece.
    fn may_pause(&self) -> bool {
        self.draining.is_some() && self.is_between()
    }

    fn has_to_end(&mut self, context: &mut Context<'_>) -> bool {
        let is_between = self.is_between();
        let Some(draining) = self.draining.as_mut().filter(|_| is_between) else { return false };
        while let Poll::Ready(turned) = Pin::new(&mut *draining).poll_next(context) {
            match turned {
                Some(false) => {}
                Some(true) => return true,
                None => {
                    self.draining = None;
                    return true;
                }
            }
        }
        false
    }
}

impl<B> Body for Metered<B>
where
    B: Body<Data = Bytes, Error = hyper::Error> + Unpin,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.has_to_end(context) {
            return Poll::Ready(None);
        }
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else {
            if !self.may_pause() {
                ready!(self.too_long.as_mut().poll(context));
                let error = HttpError::BodyTooSlow(self.bounds.timeout);
                return Poll::Ready(Some(Err(to_status(&error))));
            }
            return Poll::Pending;
        };
        let Some(frame) = frame else { return Poll::Ready(None) };
        let now = Instant::now();
        let patience = self.bounds.timeout;
        self.too_long.as_mut().reset(now + patience);
        if self.may_pause() {
            self.pace = Pace { began: now, received: 0 };
        }
        let counted = frame.map_err(HttpError::BodyBroken).and_then(|frame| {
            frame.data_ref().map_or(Ok(()), |piece| self.came(piece))?;
            Ok(frame)
        });
        Poll::Ready(Some(counted.map_err(|error| to_status(&error))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn message(left: usize) -> Place {
    if left == 0 { BETWEEN } else { Place::Message(left) }
}

#[cfg(test)]
mod tests {
    use http_body_util::Empty;

    use super::*;

    fn metered(max_bytes: usize, budget: usize) -> Metered<Empty<Bytes>> {
        let timeout = Duration::from_secs(9);
        let bounds = Bounds { max_bytes, says_so: "the test", timeout, budget };
        Metered::new(Empty::new(), bounds, &MemoryBudget::new(budget), None)
    }

    #[tokio::test]
    async fn each_message_is_reserved_when_it_is_announced() {
        let mut body = metered(100, 100);
        let inbox = body.inbox();
        body.came(&[0, 0, 0]).unwrap();
        assert_eq!(body.budget.used(), 0);
        body.came(&[0, 7, 1, 2]).unwrap();
        assert_eq!(body.budget.used(), 7);
        body.came(&[3, 4, 5, 6, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1]).unwrap();
        assert!(!body.is_between());
        body.came(&[2]).unwrap();
        assert!(body.is_between());
        let taken: Vec<usize> =
            std::iter::from_fn(|| inbox.take()).map(|memory| memory.bytes()).collect();
        assert_eq!(taken, [7, 0, 2]);
        assert_eq!(body.budget.used(), 0);
    }

    #[tokio::test]
    async fn a_message_beyond_the_bounds_is_refused_when_it_is_announced() {
        let too_large = metered(100, 100).came(&[0, 0, 0, 0, 101]);
        assert!(matches!(too_large, Err(HttpError::BodyTooLarge { limit: 100, .. })));
        let mut body = metered(100, 100);
        body.came(&[0, 0, 0, 0, 60]).unwrap();
        body.came(&[0; 60]).unwrap();
        let full = body.came(&[0, 0, 0, 0, 60]);
        assert!(matches!(full, Err(HttpError::Request(RequestError::MemoryFull { .. }))));
    }
}
