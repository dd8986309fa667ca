//! An image as 8-bit RGB.

use crate::config::Size;
use crate::formats::{FormatError, memory};
use crate::memory_budget::Reservation;

pub(super) const CHANNELS: usize = 3;

/// Row by row from the top, red, green and blue for each pixel. Its bytes are reserved.
#[derive(Debug, PartialEq)]
pub(super) struct Pixels {
    pub size: Size,
    pub data: Vec<u8>,
}

impl Pixels {
    /// A black image.
    pub(super) fn black(size: Size, memory: &mut Reservation) -> Result<Self, FormatError> {
        let pixels = u64::from(size.height) * u64::from(size.width);
        let bytes = usize::try_from(pixels).ok().and_then(|it| it.checked_mul(CHANNELS));
        let data = memory::zeros(memory, bytes.unwrap_or(usize::MAX))?;
        Ok(Self { size, data })
    }

    /// What `draw` makes of this image on a black one of that size.
    pub(super) fn replaced(
        self,
        size: Size,
        memory: &mut Reservation,
        draw: impl FnOnce(&Self, &mut Self),
    ) -> Result<Self, FormatError> {
        let mut drawn = Self::black(size, memory)?;
        draw(&self, &mut drawn);
        self.give_back(memory);
        Ok(drawn)
    }

    pub(super) fn give_back(self, memory: &mut Reservation) {
        memory.shrink(self.data.len());
    }

    pub(super) fn width(&self) -> usize {
        self.size.width as usize
    }

    pub(super) fn height(&self) -> usize {
        self.size.height as usize
    }

    pub(super) fn row_bytes(&self) -> usize {
        self.width() * CHANNELS
    }
}
