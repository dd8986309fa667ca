//! Memory of this process that is aligned as a tensor in a frame is.

/// What the frames of the rings promise, so that a probe shows an engine nothing else.
const ALIGNMENT: usize = 64;

/// Zeroed bytes that start at a multiple of 64.
#[derive(Debug)]
pub(crate) struct AlignedBuffer {
    held: Vec<u8>,
    start: usize,
    len: usize,
}

impl AlignedBuffer {
    /// `None` where there is not so much memory.
    pub(crate) fn zeroed(bytes: u64) -> Option<Self> {
        let len = usize::try_from(bytes).ok()?;
        let room = len.checked_add(ALIGNMENT)?;
        let mut held = Vec::new();
        held.try_reserve_exact(room).ok()?;
        held.resize(room, 0);
        let start = held.as_ptr().align_offset(ALIGNMENT);
        Some(Self { held, start, len })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.held[self.start..self.start + self.len]
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.held[self.start..self.start + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_zeroed_aligned_and_as_long_as_asked() {
        for bytes in [0, 1, 63, 64, 65, 100_000] {
            let mut buffer = AlignedBuffer::zeroed(bytes).unwrap();
            assert_eq!(buffer.bytes().len() as u64, bytes);
            assert!(buffer.bytes().iter().all(|byte| *byte == 0));
            assert_eq!(buffer.bytes_mut().as_ptr().align_offset(ALIGNMENT), 0);
        }
    }

    #[test]
    fn more_than_an_address_space_is_no_buffer() {
        for bytes in [u64::MAX, u64::MAX - 63, 1 << 63] {
            assert!(AlignedBuffer::zeroed(bytes).is_none(), "{bytes}");
        }
    }
}
