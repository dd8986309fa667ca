//! A body or a message of announced length while its pieces come.

use bytes::Bytes;

use super::body::Bounds;
use super::error::HttpError;
use crate::memory_budget::Reservation;

/// What is reserved before the first byte has come. From then on it is at most twice what has come: a
/// client that announces much and sends little keeps nobody else out.
const FIRST_RESERVED: usize = 64 * 1024;

/// One buffer of the announced size: the pieces may each hold a larger one alive. Its pages take memory
/// only as they are written to, which is after they were reserved.
#[derive(Debug)]
pub struct Gathered {
    length: usize,
    reserved: usize,
    /// What came in one piece is not copied.
    bytes: Bytes,
    copied: Vec<u8>,
}

impl Gathered {
    /// # Errors
    /// Who cannot be taken whole is told before it sends; nothing is reserved by that.
    pub fn begin(
        length: usize,
        bounds: Bounds,
        memory: &mut Reservation,
    ) -> Result<Self, HttpError> {
        if length > bounds.max_bytes {
            return Err(bounds.exceeded());
        }
        if !memory.has_room(length) {
            return Err(bounds.used_up());
        }
        let reserved = length.min(FIRST_RESERVED);
        bounds.reserve(memory, reserved)?;
        Ok(Self { length, reserved, bytes: Bytes::new(), copied: Vec::new() })
    }

    /// How much is still to come.
    pub fn missing(&self) -> usize {
        self.length - self.bytes.len() - self.copied.len()
    }

    /// Takes the next piece, which is not more than what is missing.
    ///
    /// # Errors
    /// Where there is no memory for it.
    pub fn push(
        &mut self,
        piece: Bytes,
        bounds: Bounds,
        memory: &mut Reservation,
    ) -> Result<(), HttpError> {
        let needed = self.copied.len() + piece.len();
        if needed > self.reserved {
            let grown = needed.max(self.reserved.saturating_mul(2).min(self.length));
            bounds.reserve(memory, grown - self.reserved)?;
            self.reserved = grown;
        }
        if piece.len() == self.length {
            self.bytes = piece;
            return Ok(());
        }
        if self.copied.capacity() == 0 {
            self.copied.reserve_exact(self.length);
        }
        self.copied.extend_from_slice(&piece);
        Ok(())
    }

    /// What has come.
    pub fn finish(self) -> Bytes {
        if self.copied.is_empty() { self.bytes } else { self.copied.into() }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::memory_budget::MemoryBudget;
    use crate::request::RequestError;

    fn bounds(max_bytes: usize, budget: &Arc<MemoryBudget>) -> Bounds {
        let timeout = Duration::from_secs(9);
        Bounds { max_bytes, says_so: "the test", timeout, budget: budget.limit() }
    }

    #[test]
    fn one_piece_is_kept_as_it_came_and_several_are_joined() {
        let budget = MemoryBudget::new(1000);
        let (bounds, mut memory) = (bounds(1000, &budget), budget.reservation());
        let whole = Bytes::from_static(b"in one piece");
        let mut one = Gathered::begin(whole.len(), bounds, &mut memory).unwrap();
        assert_eq!(one.missing(), whole.len());
        one.push(whole.clone(), bounds, &mut memory).unwrap();
        assert_eq!(one.missing(), 0);
        assert_eq!(one.finish().as_ptr(), whole.as_ptr());
        let mut several = Gathered::begin(7, bounds, &mut memory).unwrap();
        for piece in [&b"two"[..], b" bits"[..4].as_ref()] {
            several.push(Bytes::from_static(piece), bounds, &mut memory).unwrap();
        }
        assert_eq!((several.missing(), &several.finish()[..]), (0, &b"two bit"[..]));
    }

    #[test]
    fn no_more_than_twice_what_came_is_reserved() {
        let budget = MemoryBudget::new(1 << 30);
        let (bounds, mut memory) = (bounds(1 << 30, &budget), budget.reservation());
        let mut gathered = Gathered::begin(1 << 20, bounds, &mut memory).unwrap();
        assert_eq!(memory.bytes(), FIRST_RESERVED);
        gathered.push(vec![1; FIRST_RESERVED].into(), bounds, &mut memory).unwrap();
        assert_eq!(memory.bytes(), FIRST_RESERVED);
        gathered.push(vec![2; 1].into(), bounds, &mut memory).unwrap();
        assert_eq!(memory.bytes(), 2 * FIRST_RESERVED);
        gathered.push(vec![3; gathered.missing()].into(), bounds, &mut memory).unwrap();
        assert_eq!(memory.bytes(), 1 << 20);
    }

    #[test]
    fn who_cannot_be_taken_whole_is_refused_at_once_and_holds_nothing() {
        let budget = MemoryBudget::new(100);
        let mut memory = budget.reservation();
        let refused = Gathered::begin(101, bounds(1000, &budget), &mut memory).unwrap_err();
        assert!(matches!(refused, HttpError::Request(RequestError::MemoryFull { limit: 100 })));
        let refused = Gathered::begin(51, bounds(50, &budget), &mut memory).unwrap_err();
        assert!(matches!(refused, HttpError::BodyTooLarge { limit: 50, .. }));
        assert_eq!(memory.bytes(), 0);
    }
}
