//! Where everything lies in the two regions.
//!
//! ```text
//! region   = words (256 bytes) + frames × frame
//! frame    = header (64) + 64 tensor entries (88 each) + text (64 KiB) + payload
//! ```
//!
//! All offsets are computed from the [`Geometry`] each process holds privately; none is read from
//! shared memory.

use std::sync::atomic::AtomicU64;

use crate::descriptor::{ENTRY_BYTES, HEADER_BYTES};
use crate::sync::AtomicU32;
use crate::{Geometry, MAX_TENSORS, MAX_TEXT};

/// Alignment of every tensor and every part of a frame: one cache line, and what vector loads want.
pub(crate) const ALIGNMENT: u64 = 64;

/// Bytes before the first frame, the same in both regions.
pub(crate) const WORDS_BYTES: u64 = 256;

const HEADER_AREA: u64 = 64;
const ENTRIES_AREA: u64 = ENTRY_BYTES as u64 * MAX_TENSORS as u64;

const _: () = {
    assert!(size_of::<RequestWords>() as u64 <= WORDS_BYTES);
    assert!(size_of::<ResponseWords>() as u64 <= WORDS_BYTES);
    assert!(HEADER_BYTES as u64 <= HEADER_AREA);
    assert!(ENTRIES_AREA.is_multiple_of(ALIGNMENT) && (MAX_TEXT as u64).is_multiple_of(ALIGNMENT));
};

/// Keeps a word on its own cache line, so that the writer of one does not slow the reader of its
/// neighbour.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct CacheLine<T>(pub(crate) T);

/// The words of region A, written by the router.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct RequestWords {
    pub(crate) published: CacheLine<AtomicU32>,
    pub(crate) router_sleeping: CacheLine<AtomicU32>,
}

/// The words of region B, written by the worker.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct ResponseWords {
    pub(crate) started: CacheLine<AtomicU32>,
    pub(crate) completed: CacheLine<AtomicU32>,
    pub(crate) worker_sleeping: CacheLine<AtomicU32>,
    pub(crate) missed_wakes: CacheLine<AtomicU64>,
}

/// Offsets into the frames of one region, in bytes from its start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frames {
    text_bytes: u64,
    payload_bytes: u64,
}

impl Frames {
    pub(crate) fn requests(geometry: &Geometry) -> Self {
        Self { text_bytes: MAX_TEXT as u64, payload_bytes: geometry.request_payload }
    }

    pub(crate) fn responses(geometry: &Geometry) -> Self {
        Self { text_bytes: MAX_TEXT as u64, payload_bytes: geometry.response_payload }
    }

    /// Bytes of a region of `frames`; saturates for a geometry that was never checked.
    pub(crate) fn region_bytes(&self, frames: u32) -> u64 {
        let frame = self.descriptor_bytes().saturating_add(self.payload_bytes);
        frame.saturating_mul(u64::from(frames)).saturating_add(WORDS_BYTES)
    }

    pub(crate) fn payload_bytes(&self) -> u64 {
        self.payload_bytes
    }

    pub(crate) fn header(&self, slot: u32) -> u64 {
        WORDS_BYTES + u64::from(slot) * (self.descriptor_bytes() + self.payload_bytes)
    }

    pub(crate) fn entries(&self, slot: u32) -> u64 {
        self.header(slot) + HEADER_AREA
    }

    pub(crate) fn text(&self, slot: u32) -> u64 {
        self.entries(slot) + ENTRIES_AREA
    }

    pub(crate) fn payload(&self, slot: u32) -> u64 {
        self.header(slot) + self.descriptor_bytes()
    }

    fn descriptor_bytes(&self) -> u64 {
        HEADER_AREA + ENTRIES_AREA + self.text_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_every_frame_is_aligned_and_the_last_ends_the_region() {
        let geometry = Geometry::new(3, 1000, 5000).unwrap();
        for frames in [Frames::requests(&geometry), Frames::responses(&geometry)] {
            for slot in 0..3 {
                let parts = [frames.header(slot), frames.text(slot), frames.payload(slot)];
                assert!(parts.iter().all(|offset| offset % ALIGNMENT == 0), "{parts:?}");
                assert!(parts.is_sorted());
                let end = frames.payload(slot) + frames.payload_bytes();
                let next = if slot < 2 { frames.header(slot + 1) } else { frames.region_bytes(3) };
                assert_eq!(end, next);
            }
        }
    }
}
