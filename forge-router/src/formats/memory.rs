//! Allocations that are reserved before they are made.

use super::FormatError;
use crate::memory_budget::Reservation;

/// Reserves `bytes`.
pub(super) fn reserve(memory: &mut Reservation, bytes: usize) -> Result<(), FormatError> {
    if memory.grow(bytes) { Ok(()) } else { Err(FormatError::Memory { needed: bytes }) }
}

/// So many zeros.
pub(super) fn zeros(memory: &mut Reservation, bytes: usize) -> Result<Vec<u8>, FormatError> {
    reserve(memory, bytes)?;
    Ok(vec![0; bytes])
}

/// A copy of these bytes.
pub(super) fn copy(memory: &mut Reservation, bytes: &[u8]) -> Result<Vec<u8>, FormatError> {
    reserve(memory, bytes.len())?;
    Ok(bytes.to_vec())
}

/// The bytes that elements of so many each take in this shape; `None` where they overflow.
pub(super) fn bytes_of(shape: &[u64], size: usize) -> Option<usize> {
    let elements = shape.iter().try_fold(1u64, |product, dim| product.checked_mul(*dim))?;
    usize::try_from(elements).ok()?.checked_mul(size)
}
