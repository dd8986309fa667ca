//! The body of a call on its way in: its messages are bounded, counted and have to come in time.
//!
//! gRPC puts five bytes before each message: whether it is compressed, and its length. Once they are
//! there the message's memory is reserved, so that tonic's buffer for it is.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
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

/// The messages that came and that nobody has taken yet, in their order.
#[derive(Clone, Debug, Default)]
pub struct Inbox(Arc<Mutex<VecDeque<Arrived>>>);

/// What is known of a message beside its bytes.
#[derive(Debug)]
pub struct Arrived {
    /// What is reserved for it.
    pub memory: Reservation,
    pub is_compressed: bool,
}

/// How the messages of a call come.
pub struct Manner {
    /// What ends a stream of messages between two of them; `None` for a call of a single message.
    pub draining: Option<watch::Receiver<bool>>,
    /// Whether compressed messages are handed on as if they were not: tonic would expand them at once,
    /// without a reservation.
    pub hides_compression: bool,
    /// Is told of what is refused: tonic answers it.
    pub refused: Box<dyn Fn(&HttpError) + Send + Sync>,
}

/// See the module's documentation.
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
    draining: Option<WatchStream<bool>>,
    hides_compression: bool,
    refused: Box<dyn Fn(&HttpError) + Send + Sync>,
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
    /// The next message.
    pub fn take(&self) -> Option<Arrived> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    fn put(&self, arrived: Arrived) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(arrived);
    }
}

impl<B> Metered<B> {
    pub fn new(body: B, bounds: Bounds, budget: &Arc<MemoryBudget>, manner: Manner) -> Self {
        let Manner { draining, hides_compression, refused } = manner;
        Self {
            body,
            inbox: Inbox::default(),
            budget: Arc::clone(budget),
            bounds,
            place: BETWEEN,
            pace: Pace { began: Instant::now(), received: 0 },
            too_long: Box::pin(tokio::time::sleep(bounds.timeout)),
            draining: draining.map(WatchStream::new),
            hides_compression,
            refused,
        }
    }

    pub fn inbox(&self) -> Inbox {
        self.inbox.clone()
    }

    /// Follows the messages through a piece, and gives it back as it is handed on.
    fn came(&mut self, whole: Bytes) -> Result<Bytes, HttpError> {
        self.pace.received += whole.len() as u64;
        let allowed = Duration::from_secs(self.pace.received / SLOWEST_BYTES_PER_SECOND);
        if self.pace.began.elapsed() > self.bounds.timeout + allowed {
            return Err(HttpError::BodyTooSlow(self.bounds.timeout));
        }
        let (mut piece, mut hidden) = (&whole[..], Vec::new());
        while let Some(first) = piece.first().copied() {
            match self.place {
                Place::Prefix(mut prefix, count) => {
                    if let Some(byte) = prefix.get_mut(count) {
                        *byte = first;
                    }
                    if count == 0 && first == 1 && self.hides_compression {
                        hidden.push(whole.len() - piece.len());
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
        if hidden.is_empty() {
            return Ok(whole);
        }
        let mut changed = BytesMut::from(whole);
        hidden.into_iter().for_each(|place| changed[place] = 0);
        Ok(changed.freeze())
    }

    fn announced(&mut self, prefix: [u8; PREFIX]) -> Result<Place, HttpError> {
        let [compressed, length @ ..] = prefix;
        let length = u32::from_be_bytes(length) as usize;
        if length > self.bounds.max_bytes {
            let Bounds { max_bytes, says_so, .. } = self.bounds;
            return Err(HttpError::BodyTooLarge { limit: max_bytes, says_so });
        }
        let mut memory = self.budget.reservation();
        if !memory.grow(length) {
            return Err(RequestError::MemoryFull { limit: self.bounds.budget }.into());
        }
        self.inbox.put(Arrived { memory, is_compressed: compressed == 1 });
        Ok(message(length))
    }

    fn refuse(&self, error: &HttpError) -> Status {
        (self.refused)(error);
        to_status(error)
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
                return Poll::Ready(Some(Err(self.refuse(&error))));
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
        let counted = match frame.map(Frame::into_data) {
            Ok(Ok(piece)) => self.came(piece).map(Frame::data),
            Ok(Err(other)) => Ok(other),
            Err(error) => Err(HttpError::BodyBroken(error)),
        };
        Poll::Ready(Some(counted.map_err(|error| self.refuse(&error))))
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
        let manner = Manner { draining: None, hides_compression: true, refused: Box::new(|_| {}) };
        Metered::new(Empty::new(), bounds, &MemoryBudget::new(budget), manner)
    }

    fn came(body: &mut Metered<Empty<Bytes>>, piece: &[u8]) -> Result<Bytes, HttpError> {
        body.came(Bytes::copy_from_slice(piece))
    }

    #[tokio::test]
    async fn each_message_is_reserved_when_it_is_announced() {
        let mut body = metered(100, 100);
        let inbox = body.inbox();
        came(&mut body, &[0, 0, 0]).unwrap();
        assert_eq!(body.budget.used(), 0);
        came(&mut body, &[0, 7, 1, 2]).unwrap();
        assert_eq!(body.budget.used(), 7);
        came(&mut body, &[3, 4, 5, 6, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1]).unwrap();
        assert!(!body.is_between());
        came(&mut body, &[2]).unwrap();
        assert!(body.is_between());
        let taken: Vec<usize> =
            std::iter::from_fn(|| inbox.take()).map(|arrived| arrived.memory.bytes()).collect();
        assert_eq!(taken, [7, 0, 2]);
        assert_eq!(body.budget.used(), 0);
    }

    #[tokio::test]
    async fn a_message_beyond_the_bounds_is_refused_when_it_is_announced() {
        let too_large = came(&mut metered(100, 100), &[0, 0, 0, 0, 101]);
        assert!(matches!(too_large, Err(HttpError::BodyTooLarge { limit: 100, .. })));
        let mut body = metered(100, 100);
        came(&mut body, &[0, 0, 0, 0, 60]).unwrap();
        came(&mut body, &[0; 60]).unwrap();
        let full = came(&mut body, &[0, 0, 0, 0, 60]);
        assert!(matches!(full, Err(HttpError::Request(RequestError::MemoryFull { .. }))));
    }

    #[tokio::test]
    async fn a_compressed_message_is_handed_on_as_if_it_were_not() {
        let mut body = metered(100, 100);
        let piece = came(&mut body, &[0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1]).unwrap();
        assert_eq!(piece[..], [0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1, 0]);
        let inbox = body.inbox();
        let taken: Vec<bool> =
            std::iter::from_fn(|| inbox.take()).map(|arrived| arrived.is_compressed).collect();
        assert_eq!(taken, [false, true]);
    }
}
