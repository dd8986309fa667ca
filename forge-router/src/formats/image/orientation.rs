//! How a camera was held, as EXIF tells it (CIPA DC-008, tag 0x0112; its container is TIFF 6.0).

use super::pixels::{CHANNELS, Pixels};
use crate::config::Size;
use crate::formats::FormatError;
use crate::memory_budget::Reservation;

const TAG: u16 = 0x0112;
/// The prefix of the data in a JPEG's segment.
const PREFIX: &[u8] = b"Exif\0\0";

/// 1 to 8, as EXIF numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Orientation(u16);

impl Orientation {
    pub(super) const UPRIGHT: Self = Self(1);

    /// Upright where the data does not say, or says nonsense: viewers show such images, too.
    pub(super) fn of_exif(exif: &[u8]) -> Self {
        let number = find(exif).filter(|number| (1..=8).contains(number));
        number.map_or(Self::UPRIGHT, Self)
    }

    /// The image as it was meant to be seen.
    pub(super) fn apply(
        self,
        pixels: Pixels,
        memory: &mut Reservation,
    ) -> Result<Pixels, FormatError> {
        let Size { height, width } = pixels.size;
        match self.0 {
            2..=4 => {
                let same = pixels.size;
                pixels.replaced(same, memory, |from, into| self.draw(from, into))
            }
            5..=8 => {
                let turned = Size { height: width, width: height };
                pixels.replaced(turned, memory, |from, into| self.draw(from, into))
            }
            _ => Ok(pixels),
        }
    }

    fn draw(self, from: &Pixels, into: &mut Pixels) {
        let (width, height) = (from.width(), from.height());
        let into_width = into.width();
        let (pixels, _) = into.data.as_chunks_mut::<CHANNELS>();
        let (source, _) = from.data.as_chunks::<CHANNELS>();
        for (place, pixel) in pixels.iter_mut().enumerate() {
            let (x, y) = (place % into_width, place / into_width);
            let (from_x, from_y) = match self.0 {
                2 => (width - 1 - x, y),
                3 => (width - 1 - x, height - 1 - y),
                4 => (x, height - 1 - y),
                5 => (y, x),
                6 => (y, height - 1 - x),
                7 => (width - 1 - y, height - 1 - x),
                _ => (width - 1 - y, x),
            };
            *pixel = source[from_y * width + from_x];
        }
    }
}

fn find(exif: &[u8]) -> Option<u16> {
    let tiff = exif.strip_prefix(PREFIX).unwrap_or(exif);
    let is_little_endian = match tiff.get(..2)? {
        b"II" => true,
        b"MM" => false,
        _ => return None,
    };
    let u16_at = |place: usize| {
        let bytes: [u8; 2] = tiff.get(place..place.checked_add(2)?)?.try_into().ok()?;
        Some(if is_little_endian { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    };
    let bytes: [u8; 4] = tiff.get(4..8)?.try_into().ok()?;
    let directory =
        if is_little_endian { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) };
    let directory = usize::try_from(directory).ok()?;
    let count = usize::from(u16_at(directory)?);
    let entries = directory.checked_add(2)?;
    let entry = (0..count).map(|entry| entries.saturating_add(entry * 12));
    let entry =
        entry.take_while(|entry| *entry < tiff.len()).find(|it| u16_at(*it) == Some(TAG))?;
    u16_at(entry.checked_add(8)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory_budget::MemoryBudget;

    fn exif(number: u16) -> Vec<u8> {
        let mut exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
        exif.extend_from_slice(&number.to_le_bytes());
        exif
    }

    #[test]
    fn the_orientation_is_found_in_both_byte_orders() {
        assert_eq!(Orientation::of_exif(&exif(6)), Orientation(6));
        let big = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x08\0\0";
        assert_eq!(Orientation::of_exif(big), Orientation(8));
    }

    #[test]
    fn data_that_makes_no_sense_is_upright() {
        for number in [0, 9, u16::MAX] {
            assert_eq!(Orientation::of_exif(&exif(number)), Orientation::UPRIGHT);
        }
        let whole = exif(6);
        for length in 0..whole.len() - 1 {
            assert_eq!(Orientation::of_exif(&whole[..length]), Orientation::UPRIGHT, "{length}");
        }
        assert_eq!(Orientation::of_exif(b"II*\0\xff\xff\xff\xff"), Orientation::UPRIGHT);
    }

    /// As Pillow's `ImageOps.exif_transpose` turns an image of 3 x 2.
    #[test]
    fn each_orientation_turns_the_image_upright() {
        for (number, expected, width) in [
            (1, [0, 1, 2, 3, 4, 5], 3),
            (2, [2, 1, 0, 5, 4, 3], 3),
            (3, [5, 4, 3, 2, 1, 0], 3),
            (4, [3, 4, 5, 0, 1, 2], 3),
            (5, [0, 3, 1, 4, 2, 5], 2),
            (6, [3, 0, 4, 1, 5, 2], 2),
            (7, [5, 2, 4, 1, 3, 0], 2),
            (8, [2, 5, 1, 4, 0, 3], 2),
        ] {
            let mut memory = MemoryBudget::new(1000).reservation();
            let mut pixels = Pixels::black(Size { height: 2, width: 3 }, &mut memory).unwrap();
            pixels.data = (0..6).flat_map(|grey| [grey; 3]).collect();
            let turned = Orientation(number).apply(pixels, &mut memory).unwrap();
            let greys: Vec<u8> = turned.data.iter().step_by(3).copied().collect();
            assert_eq!((greys.as_slice(), turned.size.width), (&expected[..], width), "{number}");
            assert_eq!(memory.bytes(), 18);
        }
    }
}
