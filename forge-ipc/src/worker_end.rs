//! The worker's end of a pair of regions: reads batches in place, writes answers in place.
//!
//! The worker trusts its router with memory, so it hands out slices of both regions; it still
//! checks every index and descriptor, because a mistake there would be a wild pointer in a process
//! full of C++.

mod request;
mod response_frame;

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::Ordering;

use crate::bell::Bell;
use crate::cursor::{self, WorkerCursor};
use crate::descriptor::{HEADER_BYTES, Header, decode_entries};
use crate::doorbell;
use crate::layout::{Frames, RequestWords, ResponseWords};
use crate::memfd;
use crate::placement::{Placed, Placement};
use crate::region::{Region, WritableRegion};
use crate::{Arguments, Geometry, MAX_TEXT, PeerFds, PeerViolation, RegionError};

pub use request::{BatchView, InputView, Request};
pub use response_frame::{OutputSink, ResponseFrame};

/// The worker's end: reads region A, writes region B.
#[derive(Debug)]
pub struct WorkerEnd {
    requests: RequestSide,
    responses: ResponseSide,
    to_worker: Bell,
}

impl WorkerEnd {
    /// Maps the regions a router created with the same geometry, after a look at their sizes and
    /// seals.
    pub fn attach(geometry: Geometry, fds: PeerFds) -> Result<Self, RegionError> {
        geometry.check()?;
        let PeerFds { request_region, response_region, to_worker, to_router } = fds;
        let bytes = geometry.request_region_bytes();
        memfd::verify(request_region.as_fd(), bytes, memfd::ONE_WRITER)?;
        let requests = Region::map(request_region.as_fd(), bytes)?;
        let bytes = geometry.response_region_bytes();
        memfd::verify(response_region.as_fd(), bytes, memfd::FIXED_SIZE)?;
        let responses = WritableRegion::map(response_region.as_fd(), bytes)?;
        let bells = (Bell::from_fd(to_worker), Bell::from_fd(to_router));
        Ok(Self::over(geometry, (requests, responses), bells, 0))
    }

    /// The oldest batch that has no answer yet. It does not count as started.
    ///
    /// Dropping it changes nothing; the next call yields it again.
    pub fn next_request(&mut self) -> Result<Option<Request<'_>>, PeerViolation> {
        let published = cursor::observe(&self.requests.words().published.0);
        if self.responses.cursor.waiting(published)? == 0 {
            return Ok(None);
        }
        let slot = self.responses.cursor.slot();
        let header = self.requests.read_descriptor(slot)?;
        let Self { requests, responses, .. } = self;
        Ok(Some(Request {
            header: Header { batch: header.batch, rows: header.rows, ..Header::default() },
            inputs: requests.placed.iter().map(|placed| requests.view(slot, placed)).collect(),
            arguments: requests.arguments(slot, header.text),
            placement: Placement::new(responses.frames.payload_bytes()),
            leaves: None,
            requests,
            responses,
        }))
    }

    /// Announces that the worker is about to wait for the doorbell. `false`: something is there, do
    /// not wait.
    pub fn prepare_to_sleep(&self) -> bool {
        doorbell::prepare_to_sleep(&self.responses.words().worker_sleeping.0, || {
            // An index out of reach is something too: `next_request` reports it.
            let published = cursor::observe(&self.requests.words().published.0);
            self.responses.cursor.waiting(published) == Ok(0)
        })
    }

    /// Takes the announcement back after a wait, however it ended.
    pub fn wake_up(&self) {
        doorbell::wake_up(&self.responses.words().worker_sleeping.0);
    }

    /// Readable while the router has rung and [`WorkerEnd::drain_doorbell`] was not called since.
    pub fn doorbell(&self) -> BorrowedFd<'_> {
        self.to_worker.as_fd()
    }

    /// Silences the doorbell, for a waiter that polls level-triggered. Drain first, then look at
    /// the ring.
    pub fn drain_doorbell(&self) {
        self.to_worker.drain();
    }

    /// Counts a batch that was found after a wait in which nobody rang; the router reads the count.
    pub fn count_missed_wake(&mut self) {
        let word = &self.responses.words().missed_wakes.0;
        // The worker is the only writer, so load and store need not be one step.
        word.store(word.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// The end over regions and bells that exist, with every counter at `first`.
    pub(crate) fn over(
        geometry: Geometry,
        (requests, responses): (Region, WritableRegion),
        (to_worker, to_router): (Bell, Bell),
        first: u32,
    ) -> Self {
        let words = responses.words::<ResponseWords>();
        cursor::publish(&words.started.0, first);
        cursor::publish(&words.completed.0, first);
        Self {
            requests: RequestSide {
                frames: Frames::requests(&geometry),
                region: requests,
                scratch: Vec::new(),
                placed: Vec::new(),
            },
            responses: ResponseSide {
                frames: Frames::responses(&geometry),
                region: responses,
                cursor: WorkerCursor::new(geometry.frames, first),
                to_router,
            },
            to_worker,
        }
    }
}

/// Region A as the worker sees it.
#[derive(Debug)]
struct RequestSide {
    frames: Frames,
    region: Region,
    /// Descriptor bytes copied out; kept for its capacity.
    scratch: Vec<u8>,
    /// Where the tensors of the oldest batch lie; kept for its capacity.
    placed: Vec<Placed>,
}

impl RequestSide {
    fn words(&self) -> &RequestWords {
        self.region.words()
    }

    /// Copies the descriptor of a frame out and checks it; leaves the places of its tensors in
    /// `placed`.
    fn read_descriptor(&mut self, slot: u32) -> Result<Header, PeerViolation> {
        let Self { frames, region, scratch, placed } = self;
        scratch.clear();
        region.append_to(frames.header(slot), HEADER_BYTES as u64, scratch);
        let header = Header::decode(scratch)?;
        scratch.clear();
        region.append_to(frames.entries(slot), header.entries_bytes(), scratch);
        placed.clear();
        decode_entries(scratch, frames.payload_bytes(), placed)?;
        if header.text as usize > MAX_TEXT {
            return Err(PeerViolation::TextTooLong(header.text));
        }
        Ok(header)
    }

    /// The caller made sure that `bytes` is at most [`MAX_TEXT`].
    fn arguments(&self, slot: u32, bytes: u32) -> Arguments<'_> {
        // SAFETY: as for `view`: the text belongs to the same frame and the same `Request`.
        Arguments::new(unsafe { self.region.slice(self.frames.text(slot), u64::from(bytes)) })
    }

    fn view(&self, slot: u32, placed: &Placed) -> InputView<'_> {
        let offset = self.frames.payload(slot) + placed.offset;
        // SAFETY: the batch is published and not completed, and until it is, the router does not
        // write to its frame. Completing it consumes the `Request`, the only owner of this view: it
        // lends views no longer than itself.
        let bytes = unsafe { self.region.slice(offset, placed.length) };
        InputView { meta: placed.meta, bytes }
    }
}

/// Region B as the worker sees it.
#[derive(Debug)]
struct ResponseSide {
    frames: Frames,
    region: WritableRegion,
    cursor: WorkerCursor,
    to_router: Bell,
}

impl ResponseSide {
    fn words(&self) -> &ResponseWords {
        self.region.words()
    }

    /// Puts a text into the frame; returns its length. The caller made sure that it fits in
    /// [`MAX_TEXT`].
    fn write_text(&mut self, text: &[u8]) -> u32 {
        self.region.copy_in(self.frames.text(self.cursor.slot()), text);
        text.len() as u32
    }
}
