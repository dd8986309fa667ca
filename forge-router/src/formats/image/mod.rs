//! Images as tensors, as a model's config says they become one.
//!
//! ```text
//! JPEG, PNG ─► pixels (8-bit RGB, upright) ─► resize ─► center_crop ─► scale, mean, std, layout
//! ```
//!
//! Each step does what torchvision's transforms do to a PIL image: the resize is Pillow's, bit by
//! bit. Grey and CMYK become RGB; alpha is dropped, as `Image.convert("RGB")` does. Unlike there, an
//! EXIF orientation is applied, so that a photo is seen as whoever took it sees it.
//!
//! What an image claims to be is bounded (`max_pixels`) and reserved before it is decoded.

mod crop;
mod jpeg;
mod orientation;
mod pixels;
mod png;
mod resize;
mod tensor;

use super::{FormatError, GivenTensor, memory};
use crate::config::{Preprocess, Resize, Size};
use crate::memory_budget::Reservation;
use crate::tensor::Dtype;
use pixels::Pixels;

/// The tensor that an image becomes. Its name is the one that the config gives.
pub fn decode(
    body: &[u8],
    preprocess: &Preprocess,
    dtype: Dtype,
    memory: &mut Reservation,
) -> Result<GivenTensor, FormatError> {
    let most = preprocess.max_pixels.get();
    let mut pixels = read(body, most, memory)?;
    if let Some(resize) = preprocess.resize {
        pixels = resized(pixels, resize, most, memory)?;
    }
    if let Some(size) = preprocess.center_crop.filter(|size| *size != pixels.size) {
        pixels = pixels.replaced(size, memory, crop::center)?;
    }
    let shape = preprocess.shape(pixels.size).to_vec();
    let bytes = pixels.data.len().saturating_mul(dtype.size());
    memory::reserve(memory, bytes)?;
    let data = tensor::write(&pixels, preprocess, dtype);
    pixels.give_back(memory);
    Ok(GivenTensor { name: preprocess.input.clone(), dtype, shape, data })
}

/// Whether the bytes begin as an image does that [`decode`] takes. No JSON begins so.
pub fn is_one(body: &[u8]) -> bool {
    body.starts_with(jpeg::MAGIC) || body.starts_with(png::MAGIC)
}

fn read(body: &[u8], most: u64, memory: &mut Reservation) -> Result<Pixels, FormatError> {
    if body.starts_with(jpeg::MAGIC) {
        jpeg::read(body, most, memory)
    } else if body.starts_with(png::MAGIC) {
        png::read(body, most, memory)
    } else {
        Err(FormatError::malformed("image", "it begins as neither a JPEG nor a PNG does"))
    }
}

fn resized(
    pixels: Pixels,
    resize: Resize,
    most: u64,
    memory: &mut Reservation,
) -> Result<Pixels, FormatError> {
    let size = match resize {
        Resize::Exactly(size) => size,
        Resize::ShorterSide(side) => resize::shorter_side(pixels.size, side).ok_or_else(|| {
            let Size { height, width } = pixels.size;
            FormatError::TooLarge(format!(
                "an image of {width} x {height} pixels is too narrow to be resized"
            ))
        })?,
    };
    check_pixels(size, most)?;
    let Size { height, .. } = pixels.size;
    let turned = match size.width == pixels.size.width {
        true => pixels,
        false => pixels.replaced(Size { height, ..size }, memory, resize::horizontally)?,
    };
    match size.height == turned.size.height {
        true => Ok(turned),
        false => turned.replaced(size, memory, resize::vertically),
    }
}

/// Compares what an image claims with what it may have.
fn check_pixels(size: Size, most: u64) -> Result<(), FormatError> {
    let Size { height, width } = size;
    if u64::from(height) * u64::from(width) <= most {
        return Ok(());
    }
    Err(FormatError::TooLarge(format!(
        "the image has {width} x {height} pixels, at most {most} are taken (preprocess.max_pixels)"
    )))
}

#[cfg(test)]
mod tests;
