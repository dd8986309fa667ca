//! What a frame carries, as bytes: a header and one entry per tensor, little-endian.
//!
//! ```text
//! header  batch u64 · rows u32 · tensors u32 · outcome u32 · text u32 · 3 × nanos u64
//! entry   dtype u8 · rank u8 · 6 × 0 · offset u64 · length u64 · dims 8 × u64
//! ```
//!
//! The nanos are those of [`ComputeNanos`]. A request leaves them, the outcome and, without arguments, the text 0. This file sees only bytes that were
//! already copied out of shared memory, so what is checked here is what is used.

use thiserror::Error;

use crate::bytes::Reader;
use crate::placement::{Placed, Placement};
use crate::{ComputeNanos, Dtype, MAX_RANK, MAX_TENSORS, Shape, TensorMeta};

/// Bytes of an encoded [`Header`].
pub(crate) const HEADER_BYTES: usize = 48;

/// Bytes of one encoded tensor entry.
pub(crate) const ENTRY_BYTES: usize = 24 + 8 * MAX_RANK;

/// What a peer wrote into a descriptor that describes no batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DescriptorError {
    #[error("{0} tensors in one frame, at most {MAX_TENSORS} fit")]
    TooManyTensors(u32),
    #[error("the descriptor ends early")]
    Truncated,
    #[error("tensor {tensor} has dtype code {code}, which nobody writes")]
    UnknownDtype { tensor: usize, code: u8 },
    #[error("tensor {tensor} has rank {rank}, at most {MAX_RANK} is allowed")]
    RankTooLarge { tensor: usize, rank: u8 },
    #[error("tensor {tensor} of shape {shape} overflows the address space")]
    SizeOverflow { tensor: usize, shape: Shape },
    #[error("tensor {tensor} claims {claimed} bytes, its dtype and shape take {needed}")]
    WrongLength { tensor: usize, claimed: u64, needed: u64 },
    #[error("tensor {tensor} lies at offset {offset}, which is not aligned")]
    Misaligned { tensor: usize, offset: u64 },
    #[error("tensor {tensor} at offset {offset} overlaps the one before it")]
    Overlaps { tensor: usize, offset: u64 },
    #[error("tensor {tensor} at offset {offset} with {length} bytes leaves the payload")]
    OutsidePayload { tensor: usize, offset: u64, length: u64 },
}

/// The fixed part of a descriptor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) batch: u64,
    pub(crate) rows: u32,
    pub(crate) tensors: u32,
    /// 0 is success, else a code of [`FailureKind`](crate::FailureKind).
    pub(crate) outcome: u32,
    /// Bytes of the text area in use: an encoded structure, or a message.
    pub(crate) text: u32,
    pub(crate) compute: ComputeNanos,
}

impl Header {
    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0..8].copy_from_slice(&self.batch.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.rows.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.tensors.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.outcome.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.text.to_le_bytes());
        let ComputeNanos { input, infer, output } = self.compute;
        for (nanos, place) in [input, infer, output].iter().zip(bytes[24..].chunks_exact_mut(8)) {
            place.copy_from_slice(&nanos.to_le_bytes());
        }
        bytes
    }

    /// Reads a header; the number of tensors is within [`MAX_TENSORS`], the rest is for the caller
    /// to judge.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DescriptorError> {
        let header = Self::fields(&mut Reader::new(bytes)).ok_or(DescriptorError::Truncated)?;
        if header.tensors as usize > MAX_TENSORS {
            return Err(DescriptorError::TooManyTensors(header.tensors));
        }
        Ok(header)
    }

    /// Bytes of the tensor entries that follow.
    pub(crate) fn entries_bytes(&self) -> u64 {
        u64::from(self.tensors) * ENTRY_BYTES as u64
    }

    fn fields(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            batch: reader.u64()?,
            rows: reader.u32()?,
            tensors: reader.u32()?,
            outcome: reader.u32()?,
            text: reader.u32()?,
            compute: ComputeNanos {
                input: reader.u64()?,
                infer: reader.u64()?,
                output: reader.u64()?,
            },
        })
    }
}

/// The entry of one tensor.
pub(crate) fn encode_entry(placed: &Placed) -> [u8; ENTRY_BYTES] {
    let mut bytes = [0; ENTRY_BYTES];
    let shape = placed.meta.shape;
    bytes[0] = placed.meta.dtype.code();
    // A shape holds at most `MAX_RANK` dimensions.
    bytes[1] = shape.rank() as u8;
    bytes[8..16].copy_from_slice(&placed.offset.to_le_bytes());
    bytes[16..24].copy_from_slice(&placed.length.to_le_bytes());
    for (dim, place) in shape.dims().iter().zip(bytes[24..].chunks_exact_mut(8)) {
        place.copy_from_slice(&dim.to_le_bytes());
    }
    bytes
}

/// Reads entries until the bytes end, and checks that they lie in order within `payload` bytes.
pub(crate) fn decode_entries(
    bytes: &[u8],
    payload: u64,
    into: &mut Vec<Placed>,
) -> Result<(), DescriptorError> {
    let mut reader = Reader::new(bytes);
    let mut placement = Placement::new(payload);
    while reader.remaining() > 0 {
        let placed = decode_entry(&mut reader, into.len())?;
        placement.accept(into.len(), &placed)?;
        into.push(placed);
    }
    Ok(())
}

fn decode_entry(reader: &mut Reader<'_>, tensor: usize) -> Result<Placed, DescriptorError> {
    let entry = reader.array::<ENTRY_BYTES>().ok_or(DescriptorError::Truncated)?;
    let (code, rank) = (entry[0], entry[1]);
    let mut fields = Reader::new(&entry[8..]);
    let mut field = || fields.u64().ok_or(DescriptorError::Truncated);
    let (offset, length) = (field()?, field()?);
    let mut dims = [0; MAX_RANK];
    for dim in &mut dims {
        *dim = field()?;
    }
    let dtype = Dtype::from_code(code).ok_or(DescriptorError::UnknownDtype { tensor, code })?;
    let shape = dims
        .get(..usize::from(rank))
        .and_then(Shape::new)
        .ok_or(DescriptorError::RankTooLarge { tensor, rank })?;
    Ok(Placed { meta: TensorMeta { dtype, shape }, offset, length })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAYLOAD: u64 = 4096;

    fn placed(dtype: Dtype, dims: &[u64], offset: u64, length: u64) -> Placed {
        let meta = TensorMeta { dtype, shape: Shape::new(dims).unwrap() };
        Placed { meta, offset, length }
    }

    fn decode(entries: &[[u8; ENTRY_BYTES]]) -> Result<Vec<Placed>, DescriptorError> {
        let mut into = Vec::new();
        decode_entries(&entries.concat(), PAYLOAD, &mut into).map(|()| into)
    }

    #[test]
    fn a_header_reads_back_as_written() {
        let header = Header {
            batch: u64::MAX - 1,
            rows: 7,
            tensors: 64,
            outcome: 3,
            text: 99,
            compute: ComputeNanos { input: 5, infer: u64::MAX, output: 6 },
        };
        assert_eq!(Header::decode(&header.encode()), Ok(header));
    }

    #[test]
    fn a_header_with_too_many_tensors_is_refused() {
        for tensors in [65, u32::MAX] {
            let bytes = Header { tensors, ..Header::default() }.encode();
            assert_eq!(Header::decode(&bytes), Err(DescriptorError::TooManyTensors(tensors)));
        }
        assert_eq!(Header::decode(&[0; HEADER_BYTES - 1]), Err(DescriptorError::Truncated));
    }

    #[test]
    fn entries_read_back_as_written() {
        let tensors = [
            placed(Dtype::Float32, &[2, 3], 0, 24),
            placed(Dtype::Bool, &[], 64, 1),
            placed(Dtype::Int64, &[1, 1, 1, 1, 1, 1, 1, 2], 128, 16),
            placed(Dtype::Float16, &[0, 5], 192, 0),
            placed(Dtype::Uint8, &[PAYLOAD - 192], 192, PAYLOAD - 192),
        ];
        assert_eq!(decode(&tensors.map(|tensor| encode_entry(&tensor))).unwrap(), tensors);
    }

    #[test]
    fn an_entry_that_describes_no_tensor_is_refused() {
        use DescriptorError as E;
        let tensor = 0;
        let huge = Shape::new(&[u64::MAX, 2]).unwrap();
        let cases = [
            (placed(Dtype::Float32, &[2], 0, 4), E::WrongLength { tensor, claimed: 4, needed: 8 }),
            (placed(Dtype::Float32, &[2], 32, 8), E::Misaligned { tensor, offset: 32 }),
            (
                placed(Dtype::Uint8, &[65], PAYLOAD - 64, 65),
                E::OutsidePayload { tensor, offset: PAYLOAD - 64, length: 65 },
            ),
            (
                placed(Dtype::Uint8, &[64], u64::MAX - 63, 64),
                E::OutsidePayload { tensor, offset: u64::MAX - 63, length: 64 },
            ),
            (placed(Dtype::Uint8, &[u64::MAX, 2], 0, 0), E::SizeOverflow { tensor, shape: huge }),
        ];
        for (entry, error) in cases {
            assert_eq!(decode(&[encode_entry(&entry)]), Err(error));
        }
    }

    #[test]
    fn unknown_codes_ranks_and_overlaps_are_refused() {
        let good = encode_entry(&placed(Dtype::Uint8, &[64], 0, 64));
        let change = |at: usize, value: u8| {
            let mut bytes = good;
            bytes[at] = value;
            bytes
        };
        let (tensor, code, rank) = (0, 11, 9);
        assert_eq!(decode(&[change(0, 11)]), Err(DescriptorError::UnknownDtype { tensor, code }));
        assert_eq!(decode(&[change(1, 9)]), Err(DescriptorError::RankTooLarge { tensor, rank }));
        assert_eq!(decode(&[good, good]), Err(DescriptorError::Overlaps { tensor: 1, offset: 0 }));
        assert_eq!(
            decode_entries(&good[..80], PAYLOAD, &mut Vec::new()),
            Err(DescriptorError::Truncated)
        );
    }
}
