//! The rows of requests that are padded, on their way into a frame and out of one. The arithmetic is that
//! of [`crate::padding`].

use forge_ipc::{Completion, FrameFull, PeerViolation, RequestFrame, TensorMeta, TensorSlot};

use crate::padding::{Blocks, Padding};
use crate::pieces::Pieces;

/// One tensor of a request.
pub(super) struct PaddedTensor<'a> {
    pub(super) padding: &'a Padding,
    pub(super) index: usize,
    /// What one row is in the batch.
    pub(super) row: &'a TensorMeta,
    pub(super) rows: u32,
}

/// A mistake of the router's.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unwritten {
    #[error(transparent)]
    Full(#[from] FrameFull),
    #[error("a tensor of {written} bytes was to take {expected}")]
    Short { written: u64, expected: u64 },
}

/// Copies a tensor to its place in the frame, and returns the bytes that it took.
pub(super) fn write_plain(
    frame: &mut RequestFrame<'_>,
    (slot, offset): (TensorSlot, u64),
    data: &Pieces,
) -> Result<u64, Unwritten> {
    let mut written = 0;
    for piece in data.iter() {
        frame.write(slot, offset + written, piece)?;
        written += piece.len() as u64;
    }
    Ok(written)
}

/// [`write_plain`] of a tensor with its padding, which is written where it lies: a frame holds what
/// other clients sent until every byte of it is written again.
pub(super) fn write_padded(
    frame: &mut RequestFrame<'_>,
    (slot, offset): (TensorSlot, u64),
    tensor: &PaddedTensor<'_>,
    data: &Pieces,
) -> Result<u64, Unwritten> {
    let PaddedTensor { padding, index, row, rows } = *tensor;
    let written = match padding.filling(index, row, rows) {
        None => write_plain(frame, (slot, offset), data)?,
        Some(filling) => {
            let bytes = data.clone().whole();
            filling.write(&bytes, |place, piece| frame.write(slot, offset + place, piece))?
        }
    };
    // It was compared with the size of a frame before it was queued, so it does not overflow.
    let expected = row.bytes().unwrap_or(u64::MAX).saturating_mul(u64::from(rows));
    match written == expected {
        true => Ok(written),
        false => Err(Unwritten::Short { written, expected }),
    }
}

/// Copies the rows of an output without their padding. `start` is where the request's begin.
pub(super) fn copy_cut(
    completion: &Completion<'_>,
    (output, start): (usize, u64),
    blocks: Blocks,
) -> Result<Vec<u8>, PeerViolation> {
    let bytes = blocks.count.saturating_mul(blocks.own);
    // No more than the output has in the frame, which the ring has checked.
    let mut data = Vec::with_capacity(usize::try_from(bytes).unwrap_or(0));
    for range in blocks.own_ranges() {
        completion.copy(output, start + range.start, &mut data, blocks.own)?;
    }
    Ok(data)
}
