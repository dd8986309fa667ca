//! A body or a message of announced length while its pieces come.

use bytes::Bytes;

use super::body::Bounds;
use super::connection::READ_BUFFER;
use super::error::HttpError;
use crate::memory_budget::Reservation;
use crate::pieces::Pieces;

/// What is reserved before the first byte has come. From then on it is at most twice what has come: a
/// client that announces much and sends little keeps nobody else out.
const FIRST_RESERVED: usize = 64 * 1024;

/// Pieces of at least so many bytes are kept as they came: they fill the buffer of a connection that sends as
/// fast as it can. A smaller one would hold more than its length alive.
const KEPT: usize = READ_BUFFER - 1024;

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

    /// Of bytes that may lie in several places: in blocks as large as the buffer of a connection, and counted as such,
    /// since blocks of all sizes would leave holes between them in the heap.
    ///
    /// # Errors
    /// As of [`Gathered::whole`].
    pub fn in_pieces(
        length: usize,
        bounds: Bounds,
        memory: &mut Reservation,
    ) -> Result<Self, HttpError> {
        Self::begin((length, READ_BUFFER.min(length), KEPT.min(length)), bounds, memory)
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
            self.end_tail(bounds, memory)?;
            return self.keep(piece, bounds, memory);
        }
        let mut rest = piece;
        while !rest.is_empty() {
            if self.tail.capacity() == 0 {
                // The block that is being filled is counted whole, whatever of it has come.
                bounds.reserve(memory, self.block())?;
                self.tail.reserve_exact(self.joined);
            }
            let taken = rest.split_to(rest.len().min(self.joined - self.tail.len()));
            self.tail.extend_from_slice(&taken);
            if self.tail.len() == self.joined {
                self.end_tail(bounds, memory)?;
            }
        }
        Ok(())
    }

    /// What has come.
    pub fn finish(mut self) -> Pieces {
        self.pieces.push(self.tail.into());
        self.pieces
    }

    fn end_tail(&mut self, bounds: Bounds, memory: &mut Reservation) -> Result<(), HttpError> {
        let tail = std::mem::take(&mut self.tail);
        if tail.is_empty() {
            return Ok(());
        }
        memory.shrink(self.block());
        self.keep(tail.into(), bounds, memory)
    }

    /// The size of the blocks in which pieces are put together; 0 where there is but one.
    fn block(&self) -> usize {
        if self.joined < self.length { self.joined } else { 0 }
    }

    fn keep(
        &mut self,
        block: Bytes,
        bounds: Bounds,
        memory: &mut Reservation,
    ) -> Result<(), HttpError> {
        if block.len() < self.length {
            bounds.reserve(memory, READ_BUFFER.saturating_sub(block.len()))?;
        }
        self.pieces.push(block);
        Ok(())
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
        let sizes = [1, 2, KEPT, 3, 4, READ_BUFFER, KEPT - 1, KEPT - 1, 5];
        let all: Vec<Bytes> =
            (1..).zip(sizes).map(|(byte, size): (u8, _)| vec![byte; size].into()).collect();
        let length = sizes.iter().sum();
        let mut gathered = Gathered::in_pieces(length, bounds, &mut memory).unwrap();
        for piece in &all {
            gathered.push(piece.clone(), bounds, &mut memory).unwrap();
        }
        assert_eq!(gathered.missing(), 0);
        let pieces = gathered.finish();
        let kept = |index: usize| pieces.iter().any(|it| it.as_ptr() == all[index].as_ptr());
        assert_eq!((kept(2), kept(5), kept(6)), (true, true, false));
        // Each is counted as a whole buffer, the last one beside what it has.
        let blocks: Vec<usize> = pieces.iter().map(Bytes::len).collect();
        let last = 2 * (KEPT - 1) + 5 - READ_BUFFER;
        assert_eq!(blocks, [3, KEPT, 7, READ_BUFFER, READ_BUFFER, last]);
        assert_eq!(memory.bytes(), 6 * READ_BUFFER + last);
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
