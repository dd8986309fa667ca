//! A body or a message of announced length while its pieces come.

use bytes::Bytes;

use super::body::Bounds;
use super::error::HttpError;
use crate::memory_budget::Reservation;
use crate::pieces::Pieces;

/// What is reserved before the first byte has come. From then on it is at most twice what has come: a
/// client that announces much and sends little keeps nobody else out.
const FIRST_RESERVED: usize = 64 * 1024;

/// Pieces of at least so many bytes can be kept as they came. A smaller one may hold a much larger buffer of
/// its connection alive.
const KEPT: usize = 24 * 1024;

/// Pieces that are too small for that are put together to pieces of at most so many bytes.
const TAIL: usize = 64 * 1024;

/// What has come of a body or a message.
#[derive(Debug)]
pub struct Gathered {
    length: usize,
    reserved: usize,
    missing: usize,
    /// How many bytes of small pieces are put together at most.
    joined: usize,
    /// From how many bytes on a piece is kept.
    kept: usize,
    pieces: Pieces,
    tail: Vec<u8>,
}

impl Gathered {
    /// Of bytes that are read as a whole: one buffer of the announced size, unless they come in one piece. Its
    /// pages take memory only as they are written to, which is after they were reserved.
    ///
    /// # Errors
    /// Who cannot be taken whole is told before it sends; nothing is reserved by that.
    pub fn whole(
        length: usize,
        bounds: Bounds,
        memory: &mut Reservation,
    ) -> Result<Self, HttpError> {
        Self::begin((length, length, length), bounds, memory)
    }

    /// Of bytes that may lie in several places.
    ///
    /// # Errors
    /// As of [`Gathered::whole`].
    pub fn in_pieces(
        length: usize,
        bounds: Bounds,
        memory: &mut Reservation,
    ) -> Result<Self, HttpError> {
        Self::begin((length, TAIL.min(length), KEPT.min(length)), bounds, memory)
    }

    fn begin(
        (length, joined, kept): (usize, usize, usize),
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
        let (pieces, tail) = (Pieces::default(), Vec::new());
        Ok(Self { length, reserved, missing: length, joined, kept, pieces, tail })
    }

    /// How much is still to come.
    pub fn missing(&self) -> usize {
        self.missing
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
        self.missing = self.missing.saturating_sub(piece.len());
        let came = self.length - self.missing;
        if came > self.reserved {
            let grown = came.max(self.reserved.saturating_mul(2).min(self.length));
            bounds.reserve(memory, grown - self.reserved)?;
            self.reserved = grown;
        }
        if piece.len() >= self.kept {
            self.end_tail();
            self.pieces.push(piece);
            return Ok(());
        }
        if self.tail.len() + piece.len() > self.joined {
            self.end_tail();
        }
        if self.tail.capacity() == 0 {
            self.tail.reserve_exact(self.joined);
        }
        self.tail.extend_from_slice(&piece);
        Ok(())
    }

    /// What has come.
    pub fn finish(mut self) -> Pieces {
        if self.pieces.is_empty() {
            return self.tail.into();
        }
        self.end_tail();
        self.pieces
    }

    /// Small pieces that were put together are one. It takes no more than it has.
    fn end_tail(&mut self) {
        self.pieces.push(Bytes::copy_from_slice(&self.tail));
        self.tail.clear();
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
        let mut one = Gathered::whole(whole.len(), bounds, &mut memory).unwrap();
        assert_eq!(one.missing(), whole.len());
        one.push(whole.clone(), bounds, &mut memory).unwrap();
        assert_eq!(one.missing(), 0);
        assert_eq!(one.finish().whole().as_ptr(), whole.as_ptr());
        let mut several = Gathered::whole(7, bounds, &mut memory).unwrap();
        for piece in [&b"two"[..], b" bit"] {
            several.push(Bytes::from_static(piece), bounds, &mut memory).unwrap();
        }
        assert_eq!(several.missing(), 0);
        let several = several.finish();
        assert_eq!(several.iter().count(), 1);
        assert_eq!(several.whole(), "two bit");
    }

    #[test]
    fn large_pieces_are_kept_and_small_ones_put_together() {
        let budget = MemoryBudget::new(1 << 30);
        let (bounds, mut memory) = (bounds(1 << 30, &budget), budget.reservation());
        let sizes = [1, 2, KEPT, 3, 4, KEPT + 1, TAIL / 3, TAIL / 3, TAIL / 3, 5];
        let all: Vec<Bytes> =
            (1..).zip(sizes).map(|(byte, size): (u8, _)| vec![byte; size].into()).collect();
        let length = sizes.iter().sum();
        let mut gathered = Gathered::in_pieces(length, bounds, &mut memory).unwrap();
        for piece in &all {
            gathered.push(piece.clone(), bounds, &mut memory).unwrap();
        }
        assert_eq!((gathered.missing(), memory.bytes()), (0, length));
        let pieces = gathered.finish();
        let kept = |index: usize| pieces.iter().any(|it| it.as_ptr() == all[index].as_ptr());
        assert_eq!((kept(2), kept(5), kept(6)), (true, true, false));
        assert_eq!(pieces.whole(), all.concat());
    }

    #[test]
    fn no_more_than_twice_what_came_is_reserved() {
        let budget = MemoryBudget::new(1 << 30);
        let (bounds, mut memory) = (bounds(1 << 30, &budget), budget.reservation());
        let mut gathered = Gathered::whole(1 << 20, bounds, &mut memory).unwrap();
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
        let refused = Gathered::whole(101, bounds(1000, &budget), &mut memory).unwrap_err();
        assert!(matches!(refused, HttpError::Request(RequestError::MemoryFull { limit: 100 })));
        let refused = Gathered::whole(51, bounds(50, &budget), &mut memory).unwrap_err();
        assert!(matches!(refused, HttpError::BodyTooLarge { limit: 50, .. }));
        assert_eq!(memory.bytes(), 0);
    }
}
