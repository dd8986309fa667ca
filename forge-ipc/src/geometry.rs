//! The size of a pair of regions, agreed over the control socket and held privately by both
//! processes.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::layout::{ALIGNMENT, Frames};

/// Fewest frames of a ring: one running, one waiting behind it.
pub const MIN_FRAMES: u32 = 2;

/// Most frames of a ring. More would only hide a queue that belongs to the batcher.
pub const MAX_FRAMES: u32 = 4;

/// Most payload bytes of one frame: 1 TiB, far beyond any machine and far below any overflow.
pub const MAX_PAYLOAD: u64 = 1 << 40;

/// A geometry no ring can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum GeometryError {
    #[error("{0} frames asked for, a ring has {MIN_FRAMES} to {MAX_FRAMES}")]
    Frames(u32),
    #[error("{0} payload bytes per frame, at most {MAX_PAYLOAD} are allowed")]
    PayloadTooLarge(u64),
    #[error("{0} payload bytes per frame are not a positive multiple of {ALIGNMENT}")]
    PayloadUnaligned(u64),
}

/// How many frames a ring has and what one holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Geometry {
    /// Frames of each region, [`MIN_FRAMES`] to [`MAX_FRAMES`].
    pub frames: u32,
    /// Payload bytes of one request frame, a multiple of 64.
    pub request_payload: u64,
    /// Payload bytes of one response frame, a multiple of 64.
    pub response_payload: u64,
}

impl Geometry {
    /// A ring whose frames hold at least so many bytes of tensors, as counted by [`aligned`].
    pub fn new(
        frames: u32,
        request_payload: u64,
        response_payload: u64,
    ) -> Result<Self, GeometryError> {
        let round = |bytes: u64| {
            if bytes > MAX_PAYLOAD {
                return Err(GeometryError::PayloadTooLarge(bytes));
            }
            Ok(aligned(bytes.max(1)))
        };
        let geometry = Self {
            frames,
            request_payload: round(request_payload)?,
            response_payload: round(response_payload)?,
        };
        geometry.check()?;
        Ok(geometry)
    }

    /// Bytes of region A.
    pub fn request_region_bytes(&self) -> u64 {
        Frames::requests(self).region_bytes(self.frames)
    }

    /// Bytes of region B.
    pub fn response_region_bytes(&self) -> u64 {
        Frames::responses(self).region_bytes(self.frames)
    }

    /// Refuses what [`Geometry::new`] would never have made; the fields are public and travel.
    pub(crate) fn check(&self) -> Result<(), GeometryError> {
        if !(MIN_FRAMES..=MAX_FRAMES).contains(&self.frames) {
            return Err(GeometryError::Frames(self.frames));
        }
        for payload in [self.request_payload, self.response_payload] {
            if payload > MAX_PAYLOAD {
                return Err(GeometryError::PayloadTooLarge(payload));
            }
            if payload == 0 || !payload.is_multiple_of(ALIGNMENT) {
                return Err(GeometryError::PayloadUnaligned(payload));
            }
        }
        Ok(())
    }
}

/// The bytes one tensor takes in a frame: its own, up to the next multiple of 64. Saturates.
pub fn aligned(bytes: u64) -> u64 {
    bytes.checked_next_multiple_of(ALIGNMENT).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_rounded_up_to_whole_lines() {
        for (asked, given) in [(0, 64), (1, 64), (64, 64), (65, 128), (MAX_PAYLOAD, MAX_PAYLOAD)] {
            let geometry = Geometry::new(2, asked, asked).unwrap();
            assert_eq!((geometry.request_payload, geometry.response_payload), (given, given));
        }
    }

    #[test]
    fn what_no_ring_can_have_is_refused() {
        for frames in [0, 1, 5, u32::MAX] {
            assert_eq!(Geometry::new(frames, 64, 64), Err(GeometryError::Frames(frames)));
        }
        for bytes in [MAX_PAYLOAD + 1, u64::MAX] {
            assert_eq!(Geometry::new(2, bytes, 64), Err(GeometryError::PayloadTooLarge(bytes)));
            assert_eq!(Geometry::new(2, 64, bytes), Err(GeometryError::PayloadTooLarge(bytes)));
        }
        let odd = Geometry { frames: 2, request_payload: 65, response_payload: 64 };
        assert_eq!(odd.check(), Err(GeometryError::PayloadUnaligned(65)));
    }

    #[test]
    fn the_largest_ring_does_not_overflow_a_file_offset() {
        let geometry = Geometry::new(MAX_FRAMES, MAX_PAYLOAD, MAX_PAYLOAD).unwrap();
        assert!(i64::try_from(geometry.response_region_bytes()).is_ok());
        let absurd = Geometry { frames: 4, request_payload: u64::MAX, response_payload: 64 };
        assert_eq!(absurd.request_region_bytes(), u64::MAX);
    }
}
