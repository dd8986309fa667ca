//! Where the tensors of a batch lie in a frame's payload: one after the other, each 64-byte
//! aligned.

use thiserror::Error;

use crate::descriptor::ENTRY_BYTES;
use crate::layout::ALIGNMENT;
use crate::{DescriptorError, MAX_TENSORS, TensorMeta, aligned};

/// A tensor, a text or the number of tensors does not fit in what the frame has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the frame has {capacity} bytes for this, {needed} are needed")]
pub struct FrameFull {
    /// Bytes the frame would need in this area; `u64::MAX` where no frame could ever hold it.
    pub needed: u64,
    /// Bytes it has.
    pub capacity: u64,
}

/// A tensor and where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) meta: TensorMeta,
    /// Bytes from the start of the payload.
    pub(crate) offset: u64,
    /// Bytes of the elements.
    pub(crate) length: u64,
}

/// Lays tensors out, or checks that a peer did.
#[derive(Debug)]
pub(crate) struct Placement {
    payload: u64,
    used: u64,
    tensors: usize,
}

impl Placement {
    /// An empty payload of `payload` bytes.
    pub(crate) fn new(payload: u64) -> Self {
        Self { payload, used: 0, tensors: 0 }
    }

    /// How many tensors were placed.
    pub(crate) fn tensors(&self) -> usize {
        self.tensors
    }

    /// Gives the next tensor its place.
    pub(crate) fn place(&mut self, meta: TensorMeta) -> Result<Placed, FrameFull> {
        if self.tensors == MAX_TENSORS {
            let entries = |count: usize| (count * ENTRY_BYTES) as u64;
            return Err(FrameFull {
                needed: entries(MAX_TENSORS + 1),
                capacity: entries(MAX_TENSORS),
            });
        }
        let length = meta.bytes().unwrap_or(u64::MAX);
        let offset = aligned(self.used);
        let end = offset.saturating_add(length);
        if end > self.payload {
            return Err(FrameFull { needed: end, capacity: self.payload });
        }
        self.used = end;
        self.tensors += 1;
        Ok(Placed { meta, offset, length })
    }

    /// Checks a place the peer chose: size, alignment, order and bounds. `tensor` is its number,
    /// for the error.
    pub(crate) fn accept(&mut self, tensor: usize, placed: &Placed) -> Result<(), DescriptorError> {
        let Placed { meta, offset, length } = *placed;
        let needed =
            meta.bytes().ok_or(DescriptorError::SizeOverflow { tensor, shape: meta.shape })?;
        if length != needed {
            return Err(DescriptorError::WrongLength { tensor, claimed: length, needed });
        }
        if !offset.is_multiple_of(ALIGNMENT) {
            return Err(DescriptorError::Misaligned { tensor, offset });
        }
        if offset < self.used {
            return Err(DescriptorError::Overlaps { tensor, offset });
        }
        self.used = offset
            .checked_add(length)
            .filter(|end| *end <= self.payload)
            .ok_or(DescriptorError::OutsidePayload { tensor, offset, length })?;
        self.tensors += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dtype, Shape};

    fn bytes(count: u64) -> TensorMeta {
        TensorMeta { dtype: Dtype::Uint8, shape: Shape::new(&[count]).unwrap() }
    }

    #[test]
    fn tensors_follow_each_other_on_aligned_offsets() {
        let mut placement = Placement::new(256);
        let offsets = [1, 64, 0, 65].map(|count| placement.place(bytes(count)).unwrap().offset);
        assert_eq!(offsets, [0, 64, 128, 128]);
        assert_eq!(placement.place(bytes(1)), Err(FrameFull { needed: 257, capacity: 256 }));
    }

    #[test]
    fn what_overflows_or_is_one_too_many_does_not_fit() {
        let mut placement = Placement::new(64);
        let huge = TensorMeta { dtype: Dtype::Float64, shape: Shape::new(&[u64::MAX]).unwrap() };
        assert_eq!(placement.place(huge), Err(FrameFull { needed: u64::MAX, capacity: 64 }));
        for _ in 0..MAX_TENSORS {
            placement.place(bytes(0)).unwrap();
        }
        let error = placement.place(bytes(0)).unwrap_err();
        assert!(error.needed > error.capacity);
    }
}
