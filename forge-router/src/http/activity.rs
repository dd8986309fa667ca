//! What goes on in a connection: which requests are under way, and which pieces of answers its client
//! has not read.
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

/// See the module's documentation.
#[derive(Debug)]
pub struct Activity {
    begun: AtomicU64,
    under_way: AtomicUsize,
    /// The longest time a client may take for nothing.
    patience: Duration,
    next: AtomicU64,
    /// Until when each piece has to be read.
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
    /// A piece of the answer that is missed until its client has read it; `held` goes with it.
    pub fn piece<H: Send + 'static>(&self, bytes: Bytes, held: H, now: Instant) -> Bytes {
        if self.version != Version::HTTP_2 {
            return Bytes::from_owner(Piece { bytes, _held: held, _unread: None });
        }
        let id = self.activity.next.fetch_add(1, Ordering::Relaxed);
        let allowed = Duration::from_secs(bytes.len() as u64 / SLOWEST_BYTES_PER_SECOND);
        self.activity.unread().insert(id, now + self.activity.patience + allowed);
        let unread = Unread { activity: Arc::clone(&self.activity), id };
        Bytes::from_owner(Piece { bytes, _held: held, _unread: Some(unread) })
    }

    pub fn is_http2(&self) -> bool {
        self.version == Version::HTTP_2
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

struct Piece<H> {
    bytes: Bytes,
    _held: H,
    _unread: Option<Unread>,
}

struct Unread {
    activity: Arc<Activity>,
    id: u64,
}

impl<H> AsRef<[u8]> for Piece<H> {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
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
    fn a_piece_that_is_not_read_in_time_makes_a_client_deaf() {
        let activity = Arc::new(Activity::new(SECOND));
        let now = Instant::now();
        let mut watch = activity.watch(9 * SECOND, now);
        let exchange = Activity::begin(&activity, Version::HTTP_2);
        let (small, large) = (Bytes::from_static(b"a"), Bytes::from(vec![0; 3 * 16 * 1024]));
        let small = exchange.piece(small, (), now);
        let large = exchange.piece(large, (), now);
        assert_eq!(watch.look(now + SECOND), Verdict::Deaf);
        drop(small);
        assert_eq!(watch.look(now + 3 * SECOND), Verdict::Busy);
        assert_eq!(watch.look(now + 4 * SECOND), Verdict::Deaf);
        drop(large);
        assert_eq!(watch.look(now + 4 * SECOND), Verdict::Busy);
    }

    #[test]
    fn pieces_of_http_1_are_left_to_the_socket() {
        let activity = Arc::new(Activity::new(SECOND));
        let now = Instant::now();
        let exchange = Activity::begin(&activity, Version::HTTP_11);
        let piece = exchange.piece(Bytes::from_static(b"a"), (), now);
        assert_eq!(activity.watch(9 * SECOND, now).look(now + 5 * SECOND), Verdict::Busy);
        assert_eq!(&piece[..], b"a");
    }
}
