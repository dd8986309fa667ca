//! JPEG, by `zune-jpeg`.

use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::orientation::Orientation;
use super::pixels::Pixels;
use crate::config::Size;
use crate::formats::{FormatError, memory};
use crate::memory_budget::Reservation;

pub(super) const MAGIC: &[u8] = b"\xff\xd8\xff";

/// The longest side that the format can name.
const LONGEST_SIDE: usize = 65_535;

/// Bytes of coefficients that a progressive image holds for each pixel: 16 bits for each of up to four
/// components.
const COEFFICIENTS: u64 = 8;

/// Where a scan begins, and where an image ends (the markers SOS and EOI). Neither can stand within the
/// data of a scan.
const SCAN: &[u8] = b"\xff\xda";
const END: &[u8] = b"\xff\xd9";

pub(super) fn read(
    body: &[u8],
    most: u64,
    memory: &mut Reservation,
) -> Result<Pixels, FormatError> {
    let options = DecoderOptions::default()
        .set_max_width(LONGEST_SIDE)
        .set_max_height(LONGEST_SIDE)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(body), options);
    // Metadata is copied out of the body, once into the decoder and once out of it.
    let metadata = body.len().saturating_mul(2);
    memory::reserve(memory, metadata)?;
    decoder.decode_headers().map_err(malformed)?;
    let info = decoder.info().ok_or_else(|| malformed("it has no header"))?;
    let size = Size { height: info.height.into(), width: info.width.into() };
    super::check_pixels(size, most)?;
    if !is_whole(body) {
        return Err(malformed("it ends early"));
    }
    let coefficients = match info.sof.is_progressive() {
        true => {
            u64::from(size.height.next_multiple_of(32))
                * u64::from(size.width.next_multiple_of(32))
                * COEFFICIENTS
        }
        false => 0,
    };
    let coefficients = usize::try_from(coefficients).unwrap_or(usize::MAX);
    memory::reserve(memory, coefficients)?;
    let mut pixels = Pixels::black(size, memory)?;
    decoder.decode_into(&mut pixels.data).map_err(malformed)?;
    let orientation = info.exif_data.as_deref().map_or(Orientation::UPRIGHT, Orientation::of_exif);
    memory.shrink(coefficients + metadata);
    orientation.apply(pixels, memory)
}

/// Whether the last scan ends: an image that is cut off is refused rather than shown in part. A
/// thumbnail, which ends too, comes before the image's first scan.
fn is_whole(body: &[u8]) -> bool {
    let scan = memchr::memmem::rfind(body, SCAN).unwrap_or(0);
    memchr::memmem::find(&body[scan..], END).is_some()
}

fn malformed(cause: impl std::fmt::Debug) -> FormatError {
    FormatError::malformed("JPEG", format!("{cause:?}").trim_matches(['"', '\n']).to_owned())
}
