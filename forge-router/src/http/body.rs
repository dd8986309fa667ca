//! Reads a request's body within its bounds of size, memory and time; drains one that is refused.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::FutureExt;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming};

use super::error::HttpError;
use super::gathered::Gathered;
use crate::memory_budget::Reservation;
use crate::pieces::Pieces;
use crate::request::RequestError;

/// A body slower than this on the whole, past its first `body_timeout`, is given up: its memory is
/// reserved as long as it comes.
pub const SLOWEST_BYTES_PER_SECOND: u64 = 16 * 1024;

/// How much of a refused body is still read, so that its sender comes to read the refusal.
const DRAINED_BYTES: usize = 1024 * 1024;
const DRAINED_TIME: Duration = Duration::from_millis(100);

/// The bounds of a body.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub max_bytes: usize,
    /// What bounds it so, for the message.
    pub says_so: &'static str,
    /// The longest pause between two pieces.
    pub timeout: Duration,
    /// What the memory bound is, for the message.
    pub budget: usize,
}

impl Bounds {
    /// The error that more came.
    pub fn exceeded(&self) -> HttpError {
        HttpError::BodyTooLarge { limit: self.max_bytes, says_so: self.says_so }
    }

    /// The error that there is no memory for what came or will come.
    pub fn used_up(&self) -> HttpError {
        RequestError::MemoryFull { limit: self.budget }.into()
    }

    /// # Errors
    /// [`Bounds::used_up`]
    pub fn reserve(&self, memory: &mut Reservation, bytes: usize) -> Result<(), HttpError> {
        if memory.grow(bytes) { Ok(()) } else { Err(self.used_up()) }
    }
}

/// The whole body in one piece. Its bytes are reserved in `memory` before they are held.
pub async fn read(
    body: &mut Incoming,
    bounds: Bounds,
    memory: &mut Reservation,
) -> Result<Bytes, HttpError> {
    match announced(body) {
        Some(length) => {
            let gathered = Gathered::whole(length, bounds, memory)?;
            Ok(gather(body, gathered, bounds, memory).await?.whole())
        }
        None => read_chunked(body, bounds, memory).await,
    }
}

/// The body as it came, where what it is read for takes it in pieces; else as [`read`].
pub async fn read_in_pieces(
    body: &mut Incoming,
    bounds: Bounds,
    memory: &mut Reservation,
) -> Result<Pieces, HttpError> {
    match announced(body) {
        Some(length) => {
            let gathered = Gathered::in_pieces(length, bounds, memory)?;
            gather(body, gathered, bounds, memory).await
        }
        None => read_chunked(body, bounds, memory).await.map(Pieces::from),
    }
}

/// Reads what is left of a refused body: up to 1 MiB or for 100 ms. `false` when more would come,
/// so that the connection cannot be used again.
pub async fn drain(body: &mut Incoming) -> bool {
    let drain = async {
        let mut drained = 0;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return false };
            drained += frame.data_ref().map_or(0, Bytes::len);
            if drained > DRAINED_BYTES {
                return false;
            }
        }
        true
    };
    tokio::time::timeout(DRAINED_TIME, drain).await.unwrap_or(false)
}

/// Its length, where the client has told it; what is beyond the machine's is beyond the bounds as well.
fn announced(body: &Incoming) -> Option<usize> {
    let length = body.size_hint().exact()?;
    Some(usize::try_from(length).unwrap_or(usize::MAX))
}

async fn gather(
    body: &mut Incoming,
    mut gathered: Gathered,
    bounds: Bounds,
    memory: &mut Reservation,
) -> Result<Pieces, HttpError> {
    let mut pace = Pace::new(bounds.timeout);
    while let Some(piece) = pace.next(body).await? {
        gathered.push(piece, bounds, memory)?;
    }
    Ok(gathered.finish())
}

async fn read_chunked(
    body: &mut Incoming,
    bounds: Bounds,
    memory: &mut Reservation,
) -> Result<Bytes, HttpError> {
    let mut pace = Pace::new(bounds.timeout);
    let mut whole: Vec<u8> = Vec::new();
    while let Some(piece) = pace.next(body).await? {
        let needed = whole.len() + piece.len();
        if needed > bounds.max_bytes {
            return Err(bounds.exceeded());
        }
        if needed > whole.capacity() {
            let capacity = needed.max(whole.capacity() * 2).min(bounds.max_bytes);
            // While the buffer moves, both the old and the new one are held.
            bounds.reserve(memory, capacity)?;
            let before = whole.capacity();
            whole.reserve_exact(capacity - whole.len());
            memory.shrink(before);
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.into())
}

/// Sees that a body comes fast enough, piece by piece and on the whole.
struct Pace {
    timeout: Duration,
    /// When it was first waited for: most bodies are there already, and cost no look at the clock.
    started: Option<Instant>,
    received: u64,
}

impl Pace {
    fn new(timeout: Duration) -> Self {
        Self { timeout, started: None, received: 0 }
    }

    async fn next(&mut self, body: &mut Incoming) -> Result<Option<Bytes>, HttpError> {
        loop {
            let frame = match body.frame().now_or_never() {
                Some(frame) => frame,
                None => self.wait(body).await?,
            };
            let Some(frame) = frame else { return Ok(None) };
            // Trailers are no part of the body.
            let Ok(piece) = frame.map_err(HttpError::BodyBroken)?.into_data() else { continue };
            self.received += piece.len() as u64;
            let allowed = Duration::from_secs(self.received / SLOWEST_BYTES_PER_SECOND);
            if self.started.is_some_and(|started| started.elapsed() > self.timeout + allowed) {
                return Err(HttpError::BodyTooSlow(self.timeout));
            }
            return Ok(Some(piece));
        }
    }

    async fn wait(
        &mut self,
        body: &mut Incoming,
    ) -> Result<Option<hyper::Result<Frame<Bytes>>>, HttpError> {
        self.started.get_or_insert_with(Instant::now);
        let too_slow = |_| HttpError::BodyTooSlow(self.timeout);
        tokio::time::timeout(self.timeout, body.frame()).await.map_err(too_slow)
    }
}
