//! Images against what Pillow and torchvision's arithmetic made of them (`tests/images`: each `.npy` is
//! its image after `Resize(20)`, `CenterCrop(16)`, `ToTensor` and `Normalize`).

use super::*;
use crate::config::{Color, Layout};
use crate::formats::npy;
use crate::formats::tests::{file, plain};
use crate::memory_budget::MemoryBudget;

const BUDGET: usize = 1 << 23;

fn decoded(body: &[u8], preprocess: &Preprocess, dtype: Dtype) -> Result<GivenTensor, FormatError> {
    let mut memory = MemoryBudget::new(BUDGET).reservation();
    let tensor = decode(body, preprocess, dtype, &mut memory)?;
    assert_eq!(memory.bytes(), tensor.data.len());
    Ok(tensor)
}

fn floats(tensor: &GivenTensor) -> Vec<f32> {
    tensor.data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// The largest and the mean difference from the reference.
fn differences(name: &str) -> (f32, f32) {
    let preprocess = Preprocess {
        resize: Some(Resize::ShorterSide(20)),
        center_crop: Some(Size { height: 16, width: 16 }),
        scale: 1.0 / 255.0,
        mean: [0.485, 0.456, 0.406],
        std: [0.229, 0.224, 0.225],
        layout: Layout::Chw,
        color: Color::Rgb,
        ..plain()
    };
    let made = decoded(&file(name), &preprocess, Dtype::Float32).unwrap();
    let reference = file(&format!("{}.npy", name.split('.').next().unwrap()));
    let mut memory = MemoryBudget::new(BUDGET).reservation();
    let reference = npy::decode(&reference, &mut memory).unwrap();
    assert_eq!(made.shape, reference.shape);
    let (made, reference) = (floats(&made), floats(&reference));
    let differences: Vec<f32> =
        made.iter().zip(&reference).map(|(one, other)| (one - other).abs()).collect();
    let sum: f32 = differences.iter().sum();
    (differences.iter().copied().fold(0.0, f32::max), sum / differences.len() as f32)
}

#[test]
fn a_png_becomes_what_torchvision_makes_of_it() {
    let (largest, _) = differences("noise.png");
    assert!(largest < 1e-6, "{largest}");
}

/// JPEG leaves decoders some freedom: one step of a channel is 0.017 here.
#[test]
fn a_jpeg_becomes_what_torchvision_makes_of_it_but_for_rounding() {
    let (largest, mean) = differences("photo.jpg");
    assert!(largest < 0.06 && mean < 0.01, "{largest} {mean}");
}

#[test]
fn jpegs_of_every_kind_are_shown_upright_in_rgb() {
    for (name, shape) in [
        ("progressive.jpg", [24, 32, 3]),
        ("cmyk.jpg", [24, 32, 3]),
        ("grey.jpg", [24, 32, 3]),
        ("turned.jpg", [32, 24, 3]),
    ] {
        let tensor = decoded(&file(name), &plain(), Dtype::Uint8).unwrap();
        assert_eq!(tensor.shape, shape, "{name}");
        // Blue is the middle of its range at both ends; red grows to the right, green downwards.
        let pixel = |y: usize, x: usize| &tensor.data[(y * shape[1] as usize + x) * 3..][..3];
        match name {
            "grey.jpg" => assert_eq!(pixel(5, 5)[0], pixel(5, 5)[2]),
            // Turned by 90 degrees clockwise, what grew to the right grows downwards.
            "turned.jpg" => assert!(pixel(30, 12)[0] > 200 && pixel(2, 12)[0] < 60, "{name}"),
            _ => assert!(pixel(12, 30)[0] > 200 && pixel(12, 1)[0] < 60, "{name}"),
        }
    }
}

fn png(color: ::png::ColorType, data: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    let mut encoder = ::png::Encoder::new(&mut body, 2, 1);
    encoder.set_color(color);
    encoder.write_header().unwrap().write_image_data(data).unwrap();
    body
}

#[test]
fn pngs_of_every_kind_become_rgb_and_lose_their_alpha() {
    use ::png::ColorType::{Grayscale, GrayscaleAlpha, Rgb, Rgba};
    for (color, data, expected) in [
        (Grayscale, &[1, 2][..], [1, 1, 1, 2, 2, 2]),
        (GrayscaleAlpha, &[1, 0, 2, 255], [1, 1, 1, 2, 2, 2]),
        (Rgb, &[1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6]),
        (Rgba, &[1, 2, 3, 0, 4, 5, 6, 255], [1, 2, 3, 4, 5, 6]),
    ] {
        let tensor = decoded(&png(color, data), &plain(), Dtype::Uint8).unwrap();
        assert_eq!(
            (tensor.shape.as_slice(), tensor.data.as_slice()),
            (&[1, 2, 3][..], &expected[..])
        );
    }
}

/// A PNG of which only the first chunk is there.
fn claims(width: u32, height: u32) -> Vec<u8> {
    let mut chunk = b"IHDR".to_vec();
    chunk.extend_from_slice(&width.to_be_bytes());
    chunk.extend_from_slice(&height.to_be_bytes());
    chunk.extend_from_slice(&[8, 2, 0, 0, 0]);
    let checksum = rawzip::crc32(&chunk).to_be_bytes();
    [png::MAGIC, &[0, 0, 0, 13], &chunk, &checksum].concat()
}

#[test]
fn an_image_that_claims_too_many_pixels_is_refused_before_it_is_decoded() {
    let mut memory = MemoryBudget::new(BUDGET).reservation();
    let told = decode(&claims(100_000, 100_000), &plain(), Dtype::Uint8, &mut memory).unwrap_err();
    assert!(matches!(told, FormatError::TooLarge(_)), "{told}");
    assert!(told.to_string().contains("100000 x 100000"), "{told}");
    assert_eq!(memory.bytes(), 0);
    let mut body = file("photo.jpg");
    let frame = body.windows(2).position(|marker| marker == b"\xff\xc0").unwrap();
    body[frame + 5..frame + 9].copy_from_slice(&[255; 4]);
    let told = decode(&body, &plain(), Dtype::Uint8, &mut memory).unwrap_err();
    assert!(told.to_string().contains("65535 x 65535"), "{told}");
}

#[test]
fn an_image_whose_memory_there_is_not_is_refused() {
    let mut memory = MemoryBudget::new(100_000).reservation();
    let told = decode(&file("photo.jpg"), &plain(), Dtype::Uint8, &mut memory).unwrap_err();
    assert!(matches!(told, FormatError::Memory { .. }), "{told}");
}

#[test]
fn an_image_that_a_resize_makes_too_large_is_refused() {
    let narrow = Preprocess { resize: Some(Resize::ShorterSide(10_000)), ..plain() };
    let told = decoded(&file("noise.png"), &narrow, Dtype::Uint8).unwrap_err();
    assert!(matches!(told, FormatError::TooLarge(_)), "{told}");
}

#[test]
fn images_that_are_cut_off_are_refused() {
    for name in ["noise.png", "photo.jpg", "progressive.jpg"] {
        let body = file(name);
        for length in [0, 4, 20, 100, body.len() / 2, body.len() - 20] {
            let told = decoded(&body[..length], &plain(), Dtype::Uint8);
            assert!(told.is_err(), "{name} {length}");
        }
    }
}

#[test]
fn bodies_that_are_no_images_are_told_so() {
    let told = decoded(b"GIF89a", &plain(), Dtype::Uint8).unwrap_err();
    assert_eq!(told.to_string(), "malformed image: it begins as neither a JPEG nor a PNG does");
}
