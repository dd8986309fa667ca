//! Who may touch which frame: the indices of the ring, pure.
//!
//! Three counters, each with one writer: the router *publishes* requests, the worker *starts* and
//! *completes* them, all in order. They wrap at 2^32. The router publishes batch n into the frame
//! of batch n − frames only after it released that one's completion; so the same store that hands
//! over a request also hands back the response frame under it, and no fourth counter is needed.
//!
//! A counter the peer wrote is compared with the local ones before any use. The frame of an index
//! is counted beside it and not taken as `index % frames`, which would jump at the wrap where
//! `frames` is 3.

use crate::sync::{AtomicU32, Ordering, fence};

/// Hands everything written before to the peer that [`observe`]s `index`.
pub(crate) fn publish(word: &AtomicU32, index: u32) {
    word.store(index, Ordering::Release);
}

/// Reads the peer's index, and with it everything the peer wrote before storing it.
///
/// The word may lie in memory mapped read-only. There only relaxed atomic loads are sound
/// (`std::sync::atomic`, "Atomic accesses to read-only memory"), so the acquire half is a fence.
pub(crate) fn observe(word: &AtomicU32) -> u32 {
    let index = word.load(Ordering::Relaxed);
    fence(Ordering::Acquire);
    index
}

/// The peer's index is not within reach of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IndexOutOfReach {
    pub(crate) peer: u32,
    pub(crate) ours: u32,
    /// How far ahead of ours the peer's could rightly be.
    pub(crate) reach: u32,
}

/// The router's side: what it published and what it took back.
#[derive(Debug)]
pub(crate) struct RouterCursor {
    frames: u32,
    published: Position,
    released: Position,
}

impl RouterCursor {
    /// A ring of `frames` empty frames whose counters stand at `first`.
    pub(crate) fn new(frames: u32, first: u32) -> Self {
        let position = Position { index: first, slot: 0 };
        Self { frames, published: position, released: position }
    }

    /// Batches published and not yet released.
    pub(crate) fn in_flight(&self) -> u32 {
        self.published.index.wrapping_sub(self.released.index)
    }

    /// Frames that can be filled now.
    pub(crate) fn free(&self) -> u32 {
        self.frames - self.in_flight()
    }

    /// The frame the next batch goes to; `None` while all are in flight.
    pub(crate) fn slot_to_fill(&self) -> Option<u32> {
        (self.free() > 0).then_some(self.published.slot)
    }

    /// Counts the filled frame as published; returns the index to store.
    pub(crate) fn publish(&mut self) -> u32 {
        debug_assert!(self.free() > 0);
        self.published = self.published.ahead(1, self.frames);
        self.published.index
    }

    /// How many completions wait to be released, by the worker's `completed` counter.
    pub(crate) fn ready(&self, completed: u32) -> Result<u32, IndexOutOfReach> {
        distance(completed, self.released.index, self.in_flight())
    }

    /// The frame of the oldest batch in flight.
    pub(crate) fn oldest_slot(&self) -> u32 {
        self.released.slot
    }

    /// Takes the oldest frame back.
    pub(crate) fn release(&mut self) {
        debug_assert!(self.in_flight() > 0);
        self.released = self.released.ahead(1, self.frames);
    }

    /// The frame the worker has started and not completed, by its two counters.
    ///
    /// `completed` must have been read before `started`: the worker moves them in the other order.
    pub(crate) fn started_slot(
        &self,
        completed: u32,
        started: u32,
    ) -> Result<Option<u32>, IndexOutOfReach> {
        let done = self.ready(completed)?;
        let running = distance(started, completed, self.in_flight() - done)?;
        let last = (done + running).checked_sub(1).filter(|_| running > 0);
        Ok(last.map(|behind| self.released.ahead(behind, self.frames).slot))
    }
}

/// The worker's side: the next batch it takes.
#[derive(Debug)]
pub(crate) struct WorkerCursor {
    frames: u32,
    next: Position,
}

impl WorkerCursor {
    /// A ring of `frames` empty frames whose counters stand at `first`.
    pub(crate) fn new(frames: u32, first: u32) -> Self {
        Self { frames, next: Position { index: first, slot: 0 } }
    }

    /// How many batches wait to be completed, by the router's `published` counter.
    pub(crate) fn waiting(&self, published: u32) -> Result<u32, IndexOutOfReach> {
        distance(published, self.next.index, self.frames)
    }

    /// The frame of the oldest batch that is not completed.
    pub(crate) fn slot(&self) -> u32 {
        self.next.slot
    }

    /// The `started` index that marks this batch as begun.
    pub(crate) fn started(&self) -> u32 {
        self.next.index.wrapping_add(1)
    }

    /// Counts this batch as completed; returns the index to store.
    pub(crate) fn complete(&mut self) -> u32 {
        self.next = self.next.ahead(1, self.frames);
        self.next.index
    }
}

/// An index and the frame it stands for.
#[derive(Clone, Copy, Debug)]
struct Position {
    index: u32,
    slot: u32,
}

impl Position {
    /// The position `by` further; `by` is at most `frames`.
    fn ahead(self, by: u32, frames: u32) -> Self {
        Self { index: self.index.wrapping_add(by), slot: (self.slot + by) % frames }
    }
}

fn distance(peer: u32, ours: u32, reach: u32) -> Result<u32, IndexOutOfReach> {
    let ahead = peer.wrapping_sub(ours);
    if ahead > reach {
        return Err(IndexOutOfReach { peer, ours, reach });
    }
    Ok(ahead)
}

// No test here may touch an atomic: this file is also compiled into the loom test, where atomics
// live only inside a model.
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_round_in_order_across_the_wrap_of_the_index() {
        for frames in 2..=4 {
            let first = u32::MAX - 4;
            let mut router = RouterCursor::new(frames, first);
            let mut worker = WorkerCursor::new(frames, first);
            for batch in 0..12 {
                assert_eq!(router.slot_to_fill(), Some(batch % frames));
                let published = router.publish();
                assert_eq!(worker.waiting(published), Ok(1));
                assert_eq!(worker.slot(), batch % frames);
                assert_eq!(router.ready(worker.complete()), Ok(1));
                assert_eq!(router.oldest_slot(), batch % frames);
                router.release();
            }
        }
    }

    #[test]
    fn no_frame_is_filled_before_one_is_released() {
        let mut router = RouterCursor::new(2, 0);
        router.publish();
        router.publish();
        assert_eq!((router.free(), router.slot_to_fill()), (0, None));
        router.release();
        assert_eq!((router.free(), router.slot_to_fill()), (1, Some(0)));
    }

    #[test]
    fn a_completed_index_outside_what_is_in_flight_is_refused() {
        for first in [0, u32::MAX] {
            let mut router = RouterCursor::new(4, first);
            router.publish();
            router.publish();
            for (ahead, ready) in [(0, Some(0)), (1, Some(1)), (2, Some(2)), (3, None), (4, None)] {
                assert_eq!(router.ready(first.wrapping_add(ahead)).ok(), ready, "{ahead} ahead");
            }
            assert!(router.ready(first.wrapping_sub(1)).is_err(), "one behind");
        }
    }

    #[test]
    fn a_published_index_beyond_the_ring_is_refused() {
        let worker = WorkerCursor::new(3, u32::MAX - 1);
        assert_eq!(worker.waiting(1), Ok(3));
        assert!(worker.waiting(2).is_err());
        assert!(worker.waiting(u32::MAX - 2).is_err());
    }

    #[test]
    fn the_started_frame_is_the_one_begun_and_not_completed() {
        let first = u32::MAX - 1;
        let mut router = RouterCursor::new(3, first);
        for _ in 0..3 {
            router.publish();
        }
        let at = |ahead: u32| first.wrapping_add(ahead);
        for (completed, started, slot) in [
            (0, 0, Ok(None)),
            (0, 1, Ok(Some(0))),
            (1, 1, Ok(None)),
            (1, 2, Ok(Some(1))),
            (2, 3, Ok(Some(2))),
            (3, 3, Ok(None)),
            // Both moved on between the two loads.
            (0, 2, Ok(Some(1))),
            (0, 4, Err(())),
            (1, 0, Err(())),
            (4, 4, Err(())),
        ] {
            let found = router.started_slot(at(completed), at(started));
            assert_eq!(found.map_err(drop), slot, "completed {completed}, started {started}");
        }
    }
}
