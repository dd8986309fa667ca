//! What goes on in a connection: which requests are under way, and what its client has not read of their
//! answers.
//!
//! HTTP/1.1 needs neither: hyper bounds the time between its requests, and a client that does not read
//! holds up the socket, which `write_timeout.rs` sees. An HTTP/2 client can leave a single answer
//! unread while everything else goes on.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::Version;

use super::body::SLOWEST_BYTES_PER_SECOND;
use crate::memory_budget::Reservation;

/// How much of a message is handed on at a time: what is read of it shows by that.
const PIECE: usize = 64 * 1024;

/// See the module's documentation.
#[derive(Debug)]
pub struct Activity {
    begun: AtomicU64,
    under_way: AtomicUsize,
    /// The longest time a client may take for nothing.
    patience: Duration,
    next: AtomicU64,
    /// Until when some more of each message has to be read.
    unread: Mutex<BTreeMap<u64, Instant>>,
}

/// What is to become of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Busy,
    /// Nothing has been asked for too long.
    Idle,
    /// An answer has not been read for too long.
    Deaf,
}

/// One request and its answer, until the answer is on its way.
#[derive(Debug)]
pub struct Exchange {
    activity: Arc<Activity>,
    version: Version,
}

/// What of an answer goes to the client at a time, piece by piece.
#[derive(Debug)]
pub struct Message {
    rest: Bytes,
    /// `None` where the socket tells whether the client reads.
    unread: Option<Arc<Unread>>,
}

/// Looks at an [`Activity`] from time to time.
#[derive(Debug)]
pub struct Watch<'a> {
    activity: &'a Activity,
    patience: Duration,
    begun: u64,
    idle_since: Instant,
}

impl Activity {
    /// `patience`: for how long a client may read nothing.
    pub fn new(patience: Duration) -> Self {
        Self {
            begun: AtomicU64::new(0),
            under_way: AtomicUsize::new(0),
            patience,
            next: AtomicU64::new(0),
            unread: Mutex::default(),
        }
    }

    pub fn begin(activity: &Arc<Self>, version: Version) -> Exchange {
        // Relaxed: the numbers publish nothing, and a look comes long after.
        activity.begun.fetch_add(1, Ordering::Relaxed);
        activity.under_way.fetch_add(1, Ordering::Relaxed);
        Exchange { activity: Arc::clone(activity), version }
    }

    /// `patience`: for how long nothing may be asked.
    pub fn watch(&self, patience: Duration, now: Instant) -> Watch<'_> {
        Watch { activity: self, patience, begun: 0, idle_since: now }
    }

    fn unread(&self) -> MutexGuard<'_, BTreeMap<u64, Instant>> {
        // Each change is a single insertion or removal.
        self.unread.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Exchange {
    /// A message of the answer that is missed until its client has read it; `held` goes with it. Only over HTTP/2
    /// it is asked what time it is.
    pub fn message(
        &self,
        bytes: Bytes,
        held: Vec<Reservation>,
        now: impl FnOnce() -> Instant,
    ) -> Message {
        let unread = (self.version == Version::HTTP_2).then(|| {
            let id = self.activity.next.fetch_add(1, Ordering::Relaxed);
            let unread = Unread { activity: Arc::clone(&self.activity), id, _held: held };
            unread.read_on(now());
            Arc::new(unread)
        });
        Message { rest: bytes, unread }
    }
}

impl Message {
    /// The next piece; `None` once all of it is on its way.
    pub fn piece(&mut self) -> Option<Bytes> {
        if self.rest.is_empty() {
            return None;
        }
        let Some(unread) = &self.unread else { return Some(std::mem::take(&mut self.rest)) };
        let bytes = self.rest.split_to(self.rest.len().min(PIECE));
        Some(Bytes::from_owner(Piece { bytes, unread: Arc::clone(unread) }))
    }

    pub fn is_sent(&self) -> bool {
        self.rest.is_empty()
    }

    /// Bytes that are not on their way.
    pub fn left(&self) -> usize {
        self.rest.len()
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.activity.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Watch<'_> {
    pub fn look(&mut self, now: Instant) -> Verdict {
        let begun = self.activity.begun.load(Ordering::Relaxed);
        let unread = self.activity.unread();
        if unread.values().any(|until| *until <= now) {
            return Verdict::Deaf;
        }
        let is_busy = self.activity.under_way.load(Ordering::Relaxed) > 0 || !unread.is_empty();
        if is_busy || begun != self.begun {
            (self.begun, self.idle_since) = (begun, now);
        }
        match now.saturating_duration_since(self.idle_since) >= self.patience {
            true => Verdict::Idle,
            false => Verdict::Busy,
        }
    }
}

struct Piece {
    bytes: Bytes,
    unread: Arc<Unread>,
}

/// A message, until the last piece of it was read.
#[derive(Debug)]
struct Unread {
    activity: Arc<Activity>,
    id: u64,
    _held: Vec<Reservation>,
}

impl Unread {
    /// The client has read so far, and is given time for more.
    fn read_on(&self, now: Instant) {
        let allowed = Duration::from_secs(PIECE as u64 / SLOWEST_BYTES_PER_SECOND);
        self.activity.unread().insert(self.id, now + self.activity.patience + allowed);
    }
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.unread.read_on(Instant::now());
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        self.activity.unread().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_connection_is_idle_once_nothing_was_asked_for_long_enough() {
        let activity = Arc::new(Activity::new(SECOND));
        let began = Instant::now();
        let mut watch = activity.watch(2 * SECOND, began);
        assert_eq!(watch.look(began + SECOND), Verdict::Busy);
        assert_eq!(watch.look(began + 2 * SECOND), Verdict::Idle);
        let exchange = Activity::begin(&activity, Version::HTTP_2);
        assert_eq!(watch.look(began + 9 * SECOND), Verdict::Busy);
        drop(exchange);
        assert_eq!(watch.look(began + 10 * SECOND), Verdict::Busy);
        assert_eq!(watch.look(began + 11 * SECOND), Verdict::Idle);
    }

    #[test]
    fn a_client_that_reads_nothing_of_a_message_is_deaf() {
        let activity = Arc::new(Activity::new(SECOND));
        let now = Instant::now();
        let mut watch = activity.watch(99 * SECOND, now);
        let exchange = Activity::begin(&activity, Version::HTTP_2);
        let mut message = exchange.message(vec![0; PIECE + 1].into(), Vec::new(), || now);
        let (first, last) = (message.piece().unwrap(), message.piece().unwrap());
        assert_eq!((first.len(), last.len(), message.piece()), (PIECE, 1, None));
        // The patience, and four seconds for a piece.
        assert_eq!(watch.look(now + 4 * SECOND), Verdict::Busy);
        assert_eq!(watch.look(now + 5 * SECOND), Verdict::Deaf);
        drop(message);
        drop(first);
        assert_eq!(watch.look(now + 4 * SECOND), Verdict::Busy);
        drop(last);
        assert_eq!(watch.look(now + 9 * SECOND), Verdict::Busy);
    }

    #[test]
    fn messages_of_http_1_are_left_to_the_socket() {
        let activity = Arc::new(Activity::new(SECOND));
        let now = Instant::now();
        let exchange = Activity::begin(&activity, Version::HTTP_11);
        let mut message = exchange.message(vec![0; PIECE + 1].into(), Vec::new(), || now);
        assert_eq!(message.piece().map(|piece| piece.len()), Some(PIECE + 1));
        assert_eq!(activity.watch(99 * SECOND, now).look(now + 50 * SECOND), Verdict::Busy);
    }
}
