//! PNG, by the `png` crate.

use std::io::Cursor;

use ::png::{ColorType, Decoder, DecodingError, Limits, Transformations};

use super::orientation::Orientation;
use super::pixels::{CHANNELS, Pixels};
use crate::config::Size;
use crate::formats::{FormatError, memory};
use crate::memory_budget::Reservation;

pub(super) const MAGIC: &[u8] = b"\x89PNG\r\n\x1a\n";

/// What the decoder may hold beside the image: chunks of metadata, a few rows.
const METADATA: usize = 1 << 20;
const ROWS: usize = 4;
/// Of 16 bits for each of four channels.
const MOST_PIXEL_BYTES: usize = 8;

pub(super) fn read(
    body: &[u8],
    most: u64,
    memory: &mut Reservation,
) -> Result<Pixels, FormatError> {
    let mut decoder = Decoder::new(Cursor::new(body));
    decoder.set_transformations(Transformations::normalize_to_color8());
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let (width, height) = decoder.read_header_info().map_err(malformed)?.size();
    let size = Size { height, width };
    super::check_pixels(size, most)?;
    let bytes = (width as usize).saturating_mul(ROWS * MOST_PIXEL_BYTES).saturating_add(METADATA);
    memory::reserve(memory, bytes)?;
    decoder.set_limits(Limits { bytes });
    let mut reader = decoder.read_info().map_err(malformed)?;
    let length = reader.output_buffer_size().unwrap_or(usize::MAX);
    let mut decoded = memory::zeros(memory, length)?;
    let frame = reader.next_frame(&mut decoded).map_err(malformed)?;
    let exif = reader.info().exif_metadata.as_deref();
    let orientation = exif.map_or(Orientation::UPRIGHT, Orientation::of_exif);
    let pixels = match frame.color_type {
        ColorType::Rgb => Pixels { size, data: decoded },
        color => {
            let mut pixels = Pixels::black(size, memory)?;
            to_rgb(color, &decoded, &mut pixels.data);
            memory.shrink(length);
            pixels
        }
    };
    memory.shrink(bytes);
    orientation.apply(pixels, memory)
}

fn to_rgb(color: ColorType, from: &[u8], into: &mut [u8]) {
    let (pixels, _) = into.as_chunks_mut::<CHANNELS>();
    match color {
        ColorType::Grayscale | ColorType::Indexed => {
            pixels.iter_mut().zip(from).for_each(|(rgb, grey)| *rgb = [*grey; CHANNELS]);
        }
        ColorType::GrayscaleAlpha => {
            let greys = from.as_chunks::<2>().0;
            pixels.iter_mut().zip(greys).for_each(|(rgb, [grey, _])| *rgb = [*grey; CHANNELS]);
        }
        ColorType::Rgb | ColorType::Rgba => {
            let rgba = from.as_chunks::<4>().0;
            pixels.iter_mut().zip(rgba).for_each(|(rgb, [r, g, b, _])| *rgb = [*r, *g, *b]);
        }
    }
}

fn malformed(error: impl Into<DecodingError>) -> FormatError {
    FormatError::malformed("PNG", error.into().to_string())
}
