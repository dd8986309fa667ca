//! The body of a call on its way in: its messages are bounded, counted and have to come in time.
//!
//! gRPC puts five bytes before each message: whether it is compressed, and its length. Once they are
//! there it is refused, or its memory reserved: as it comes where it is kept, else at once, for tonic's buffer.
//!
//! Tensors do not go through that buffer: their messages are kept here and taken out of the inbox, and tonic
//! is handed an empty one in the place of each. That saves a copy, and keeps tonic from expanding at once,
//! without a reservation, what is compressed.

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
use crate::http::{Bounds, Gathered, HttpError, SLOWEST_BYTES_PER_SECOND};
use crate::memory_budget::{MemoryBudget, Reservation};
use crate::pieces::Pieces;

/// Whether it is compressed, and a length of four bytes (gRPC's `PROTOCOL-HTTP2.md`).
const PREFIX: usize = 5;

const CUT_SHORT: &str = "the call ended in the middle of a message";
const COMPRESSED: &str = "a message is compressed, and grpc-encoding does not say how";
const FLAG: &str = "a message begins with neither 0 nor 1";

/// The messages that came and that nobody has taken yet, in their order.
#[derive(Clone, Debug, Default)]
pub struct Inbox(Arc<Mutex<VecDeque<Arrived>>>);

/// A message.
#[derive(Debug)]
pub struct Arrived {
    /// Empty where tonic has it.
    pub message: Pieces,
    /// What is reserved for it.
    pub memory: Reservation,
    pub is_compressed: bool,
}

/// How the messages of a call come.
pub struct Manner {
    /// What ends a stream of messages between two of them; `None` for a call of a single message.
    pub draining: Option<watch::Receiver<bool>>,
    pub keep: Keep,
    /// Is told of what is refused: tonic answers it.
    pub refused: Box<dyn Fn(&HttpError) + Send + Sync>,
}

/// What is kept of messages for who takes them out of the inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// tonic gets them.
    Nothing,
    /// In one piece, in which it can be expanded.
    Whole,
    Pieces,
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
    keep: Keep,
    refused: Box<dyn Fn(&HttpError) + Send + Sync>,
}

/// Where in a message the body is.
#[derive(Debug)]
enum Place {
    /// So many bytes of the prefix are there.
    Prefix([u8; PREFIX], usize),
    Message(Message),
}

/// A message of which some is still to come.
#[derive(Debug)]
struct Message {
    bytes: Coming,
    memory: Reservation,
    is_compressed: bool,
}

#[derive(Debug)]
enum Coming {
    Kept(Gathered),
    Passed { missing: usize },
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
        let Manner { draining, keep, refused } = manner;
        Self {
            body,
            inbox: Inbox::default(),
            budget: Arc::clone(budget),
            bounds,
            place: BETWEEN,
            pace: Pace { began: Instant::now(), received: 0 },
            too_long: Box::pin(tokio::time::sleep(bounds.timeout)),
            draining: draining.map(WatchStream::new),
            keep,
            refused,
        }
    }

    pub fn inbox(&self) -> Inbox {
        self.inbox.clone()
    }

    /// Follows the messages through a piece; what tonic is to be handed of it.
    fn came(&mut self, whole: Bytes) -> Result<Bytes, HttpError> {
        self.pace.received += whole.len() as u64;
        let allowed = Duration::from_secs(self.pace.received / SLOWEST_BYTES_PER_SECOND);
        if self.pace.began.elapsed() > self.bounds.timeout + allowed {
            return Err(HttpError::BodyTooSlow(self.bounds.timeout));
        }
        let (mut piece, mut kept) = (whole.clone(), 0);
        while !piece.is_empty() {
            let place = match std::mem::replace(&mut self.place, BETWEEN) {
                Place::Prefix(mut prefix, count) => {
                    let taken = piece.split_to(piece.len().min(PREFIX - count));
                    let end = count + taken.len();
                    prefix[count..end].copy_from_slice(&taken);
                    if end < PREFIX {
                        Place::Prefix(prefix, end)
                    } else {
                        Place::Message(self.announced(prefix)?)
                    }
                }
                Place::Message(mut message) => {
                    let taken = piece.split_to(piece.len().min(message.missing()));
                    message.push(taken, self.bounds)?;
                    Place::Message(message)
                }
            };
            self.place = match place {
                Place::Message(message) if message.missing() == 0 => {
                    kept += 1;
                    self.inbox.put(message.arrived());
                    BETWEEN
                }
                place => place,
            };
        }
        Ok(if self.keep == Keep::Nothing { whole } else { empty_messages(kept) })
    }

    fn announced(&self, prefix: [u8; PREFIX]) -> Result<Message, HttpError> {
        let [compressed, length @ ..] = prefix;
        match (self.keep, compressed) {
            // tonic looks at these itself.
            (Keep::Nothing, _) | (_, 0) | (Keep::Whole, 1) => {}
            (Keep::Pieces, 1) => return Err(HttpError::Framing(COMPRESSED)),
            _ => return Err(HttpError::Framing(FLAG)),
        }
        let length = u32::from_be_bytes(length) as usize;
        let mut memory = self.budget.reservation();
        let bytes = match self.keep {
            Keep::Whole => Coming::Kept(Gathered::whole(length, self.bounds, &mut memory)?),
            Keep::Pieces => Coming::Kept(Gathered::in_pieces(length, self.bounds, &mut memory)?),
            Keep::Nothing if length > self.bounds.max_bytes => return Err(self.bounds.exceeded()),
            Keep::Nothing => {
                self.bounds.reserve(&mut memory, length)?;
                Coming::Passed { missing: length }
            }
        };
        Ok(Message { bytes, memory, is_compressed: compressed == 1 })
    }

    fn refuse(&self, error: &HttpError) -> Status {
        (self.refused)(error);
        to_status(error)
    }

    fn is_between(&self) -> bool {
        matches!(self.place, Place::Prefix(_, 0))
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
        let Some(frame) = frame else {
            return Poll::Ready(match self.is_between() {
                true => None,
                false => Some(Err(self.refuse(&HttpError::Framing(CUT_SHORT)))),
            });
        };
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

impl Message {
    fn missing(&self) -> usize {
        match &self.bytes {
            Coming::Kept(gathered) => gathered.missing(),
            Coming::Passed { missing } => *missing,
        }
    }

    /// Takes the next piece, which is not more than what is missing.
    fn push(&mut self, piece: Bytes, bounds: Bounds) -> Result<(), HttpError> {
        match &mut self.bytes {
            Coming::Kept(gathered) => gathered.push(piece, bounds, &mut self.memory),
            Coming::Passed { missing } => {
                *missing -= piece.len();
                Ok(())
            }
        }
    }

    fn arrived(self) -> Arrived {
        let Self { bytes, memory, is_compressed } = self;
        let message = match bytes {
            Coming::Kept(gathered) => gathered.finish(),
            Coming::Passed { .. } => Pieces::default(),
        };
        Arrived { message, memory, is_compressed }
    }
}

/// So many messages of which nothing but the prefix is there.
fn empty_messages(count: usize) -> Bytes {
    match count {
        0 => Bytes::new(),
        1 => Bytes::from_static(&[0; PREFIX]),
        _ => vec![0; count * PREFIX].into(),
    }
}

#[cfg(test)]
mod tests;
