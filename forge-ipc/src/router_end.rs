//! The router's end of a pair of regions: fills request frames, checks and copies out answers.
//!
//! Nothing in region B is believed. Its words and descriptors are copied into this process, checked
//! there, and only the copy is used. A worker that keeps writing while it is read can spoil its own
//! answer, no more.

mod completion;
mod request_frame;

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::Ordering;

use crate::bell::Bell;
use crate::cursor::{self, RouterCursor};
use crate::doorbell;
use crate::layout::{RequestWords, ResponseWords};
use crate::memfd;
use crate::placement::Placed;
use crate::region::{Region, WritableRegion};
use crate::{BatchId, Geometry, MAX_FRAMES, PeerFds, PeerViolation, RegionError};

pub use completion::Completion;
pub use request_frame::{RequestFrame, TensorSlot};

/// The router's end: writes region A, reads region B, owns both mappings and bells.
///
/// Dropping it unmaps both; when the worker is gone too the kernel frees everything.
#[derive(Debug)]
pub struct RouterEnd {
    geometry: Geometry,
    requests: WritableRegion,
    responses: Region,
    to_worker: Bell,
    to_router: Bell,
    cursor: RouterCursor,
    in_flight: [InFlight; MAX_FRAMES as usize],
    /// Descriptor bytes copied out of region B; kept for its capacity.
    scratch: Vec<u8>,
    /// Where the tensors of the frame at hand lie, a request's or a completion's; kept for its
    /// capacity.
    placed: Vec<Placed>,
}

impl RouterEnd {
    /// Makes both regions and bells, and the descriptors a worker needs to attach to them.
    ///
    /// All memory is reserved here. The caller checks first that the machine and the cgroup have it
    /// ([`Geometry::request_region_bytes`] + [`Geometry::response_region_bytes`]): asked for too
    /// much, the kernel does not refuse but kills processes.
    pub fn create(geometry: Geometry) -> Result<(Self, PeerFds), RegionError> {
        geometry.check()?;
        let bytes = geometry.request_region_bytes();
        let request_region = memfd::create(c"forge-requests", bytes)?;
        // Mapped before it is sealed: afterwards no writable map is granted any more, not even to
        // this process.
        let requests = WritableRegion::map(request_region.as_fd(), bytes)?;
        memfd::seal(request_region.as_fd(), memfd::ONE_WRITER)?;

        let bytes = geometry.response_region_bytes();
        let response_region = memfd::create(c"forge-responses", bytes)?;
        let responses = Region::map(response_region.as_fd(), bytes)?;
        memfd::seal(response_region.as_fd(), memfd::FIXED_SIZE)?;

        let bell = || Bell::new().map_err(|error| RegionError::Doorbell(error.into()));
        let (to_worker, to_router) = (bell()?, bell()?);
        let fds = PeerFds {
            request_region,
            response_region,
            to_worker: to_worker.share().map_err(RegionError::Doorbell)?,
            to_router: to_router.share().map_err(RegionError::Doorbell)?,
        };
        Ok((Self::over(geometry, (requests, responses), (to_worker, to_router), 0), fds))
    }

    /// The sizes of the ring.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// How many batches can be begun now.
    pub fn free_frames(&self) -> u32 {
        self.cursor.free()
    }

    /// Opens the next frame for a batch; `None` while every frame is in flight.
    ///
    /// A frame that is dropped without being published was never begun.
    pub fn begin(&mut self, batch: BatchId, rows: u32) -> Option<RequestFrame<'_>> {
        let slot = self.cursor.slot_to_fill()?;
        Some(RequestFrame::open(self, slot, batch, rows))
    }

    /// The oldest batch in flight, where the worker has completed it.
    ///
    /// Dropping the completion without releasing it keeps the frame; the next call reads and checks
    /// it again.
    pub fn next_completion(&mut self) -> Result<Option<Completion<'_>>, PeerViolation> {
        let completed = cursor::observe(&self.response_words().completed.0);
        if self.cursor.ready(completed)? == 0 {
            return Ok(None);
        }
        self.read_completion().map(Some)
    }

    /// The batch in flight that the worker has started and not completed.
    ///
    /// Exact once the worker is dead; while it runs, the answer may be a moment old.
    pub fn started(&self) -> Result<Option<BatchId>, PeerViolation> {
        let words = self.response_words();
        let completed = cursor::observe(&words.completed.0);
        let started = cursor::observe(&words.started.0);
        let slot = self.cursor.started_slot(completed, started)?;
        Ok(slot.map(|slot| self.in_flight[slot as usize].batch))
    }

    /// Announces that the router is about to wait for the doorbell. `false`: something is there, do
    /// not wait.
    pub fn prepare_to_sleep(&self) -> bool {
        doorbell::prepare_to_sleep(&self.request_words().router_sleeping.0, || {
            // An index out of reach is something too: `next_completion` reports it.
            let completed = cursor::observe(&self.response_words().completed.0);
            self.cursor.ready(completed) == Ok(0)
        })
    }

    /// Takes the announcement back after a wait, however it ended.
    pub fn wake_up(&self) {
        doorbell::wake_up(&self.request_words().router_sleeping.0);
    }

    /// Becomes readable when the worker rings. A nonblocking eventfd, to be watched edge-triggered
    /// and never read: each ring is an edge of its own.
    pub fn doorbell(&self) -> BorrowedFd<'_> {
        self.to_router.as_fd()
    }

    /// How often the worker found work after a wait in which nobody rang. Its own count, not
    /// checked.
    pub fn missed_wakes(&self) -> u64 {
        self.response_words().missed_wakes.0.load(Ordering::Relaxed)
    }

    /// The end over regions and bells that exist, with every counter at `first`.
    pub(crate) fn over(
        geometry: Geometry,
        (requests, responses): (WritableRegion, Region),
        (to_worker, to_router): (Bell, Bell),
        first: u32,
    ) -> Self {
        cursor::publish(&requests.words::<RequestWords>().published.0, first);
        Self {
            geometry,
            requests,
            responses,
            to_worker,
            to_router,
            cursor: RouterCursor::new(geometry.frames, first),
            in_flight: [InFlight::default(); MAX_FRAMES as usize],
            scratch: Vec::new(),
            placed: Vec::new(),
        }
    }

    fn request_words(&self) -> &RequestWords {
        self.requests.words()
    }

    fn response_words(&self) -> &ResponseWords {
        self.responses.words()
    }

    /// Copies a part of region B into the scratch buffer, where nobody else can change it.
    fn copy_out(&mut self, offset: u64, bytes: u64) -> &[u8] {
        self.scratch.clear();
        self.responses.append_to(offset, bytes, &mut self.scratch);
        &self.scratch
    }
}

/// What the router remembers of a published frame, to compare the answer with.
#[derive(Clone, Copy, Debug, Default)]
struct InFlight {
    batch: BatchId,
    rows: u32,
}
