//! Bytes as they came from a connection: in one piece or in several, which are not put together before they
//! are needed so. A tensor's are copied once, each piece to its place in a worker's frame.

use std::ops::Range;

use bytes::Bytes;

/// Bytes one after the other; clones and parts share them.
#[derive(Clone, Debug, Default)]
pub struct Pieces {
    first: Bytes,
    /// Empty for most: then there is no list to allocate.
    rest: Vec<Bytes>,
}

impl Pieces {
    pub fn len(&self) -> usize {
        self.iter().map(|piece| piece.len()).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.iter().all(|piece| piece.is_empty())
    }

    pub fn iter(&self) -> impl Iterator<Item = &Bytes> {
        std::iter::once(&self.first).chain(&self.rest)
    }

    /// Every byte.
    pub fn bytes(&self) -> impl Iterator<Item = &u8> {
        self.iter().flat_map(|piece| piece.iter())
    }

    pub fn push(&mut self, piece: Bytes) {
        if self.first.is_empty() {
            self.first = piece;
        } else if !piece.is_empty() {
            self.rest.push(piece);
        }
    }

    /// The bytes of a range, as far as there are any.
    pub fn slice(&self, range: Range<usize>) -> Self {
        let mut slice = Self::default();
        let mut start = 0;
        for piece in self.iter() {
            let end = start + piece.len();
            let (from, to) = (range.start.clamp(start, end), range.end.clamp(start, end));
            if from < to {
                slice.push(piece.slice(from - start..to - start));
            }
            start = end;
        }
        slice
    }

    /// Takes so many bytes off the front, or all where there are fewer.
    pub fn split_to(&mut self, at: usize) -> Self {
        if at < self.first.len() {
            return self.first.split_to(at).into();
        }
        let front = self.slice(0..at);
        *self = self.slice(at..self.len());
        front
    }

    /// All in one piece; copied where it was in several.
    pub fn whole(self) -> Bytes {
        if self.rest.is_empty() {
            return self.first;
        }
        let mut whole = Vec::with_capacity(self.len());
        self.iter().for_each(|piece| whole.extend_from_slice(piece));
        whole.into()
    }
}

impl From<Bytes> for Pieces {
    fn from(first: Bytes) -> Self {
        Self { first, rest: Vec::new() }
    }
}

impl From<Vec<u8>> for Pieces {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

/// However they are divided.
impl PartialEq for Pieces {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.bytes().eq(other.bytes())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pieces(parts: &[Vec<u8>]) -> Pieces {
        let mut pieces = Pieces::default();
        parts.iter().for_each(|part| pieces.push(part.clone().into()));
        pieces
    }

    proptest! {
        #[test]
        fn parts_of_pieces_are_those_of_the_bytes(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..5), 0..5),
            range in (0_usize..22, 0_usize..22),
        ) {
            let (all, pieces) = (parts.concat(), pieces(&parts));
            prop_assert_eq!((pieces.len(), pieces.is_empty()), (all.len(), all.is_empty()));
            prop_assert_eq!(&pieces.clone().whole()[..], &all[..]);
            let (start, end) = (range.0.min(range.1), range.0.max(range.1));
            let (from, to) = (start.min(all.len()), end.min(all.len()));
            prop_assert_eq!(&pieces.slice(start..end).whole()[..], &all[from..to]);
            let mut rest = pieces;
            let front = rest.split_to(start);
            prop_assert_eq!(&front.whole()[..], &all[..from]);
            prop_assert_eq!(&rest.whole()[..], &all[from..]);
        }
    }

    #[test]
    fn one_piece_is_never_copied() {
        let bytes = Bytes::from_static(b"abc");
        let mut pieces = Pieces::from(bytes.clone());
        assert_eq!(pieces.clone().whole().as_ptr(), bytes.as_ptr());
        assert_eq!(pieces.split_to(1).whole().as_ptr(), bytes.as_ptr());
        assert_eq!(pieces.whole(), "bc");
    }

    #[test]
    fn how_bytes_are_divided_makes_no_difference() {
        assert_eq!(pieces(&[vec![1, 2], vec![3]]), pieces(&[vec![1], vec![], vec![2, 3]]));
        assert_ne!(pieces(&[vec![1, 2]]), pieces(&[vec![1], vec![3]]));
    }
}
