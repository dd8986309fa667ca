//! From pixels to the elements of a tensor.

use half::{bf16, f16};

use super::pixels::{CHANNELS, Pixels};
use crate::config::{Color, Layout, Preprocess};
use crate::tensor::Dtype;

/// The elements, little-endian.
pub(super) fn write(pixels: &Pixels, preprocess: &Preprocess, dtype: Dtype) -> Vec<u8> {
    let size = dtype.size();
    let mut data = Vec::with_capacity(pixels.data.len() * size);
    let sources = match preprocess.color {
        Color::Rgb => [0, 1, 2],
        Color::Bgr => [2, 1, 0],
    };
    let tables = [0, 1, 2].map(|channel| table(preprocess, channel, dtype));
    let (pixels, _) = pixels.data.as_chunks::<CHANNELS>();
    let mut push = |rgb: &[u8; CHANNELS], channel: usize| {
        let element = &tables[channel][usize::from(rgb[sources[channel]])];
        data.extend_from_slice(&element[..size]);
    };
    match preprocess.layout {
        Layout::Chw => {
            (0..CHANNELS).for_each(|channel| pixels.iter().for_each(|rgb| push(rgb, channel)));
        }
        Layout::Hwc => {
            pixels.iter().for_each(|rgb| (0..CHANNELS).for_each(|channel| push(rgb, channel)));
        }
    }
    data
}

/// What each of the 256 values of a channel becomes.
fn table(preprocess: &Preprocess, channel: usize, dtype: Dtype) -> Vec<[u8; 8]> {
    let (mean, std) = (preprocess.mean[channel], preprocess.std[channel]);
    let value = |value: u8| (f64::from(value) * preprocess.scale - mean) / std;
    (0..=u8::MAX).map(|byte| element(value(byte), dtype)).collect()
}

/// A number as an element, with zeros behind it. Integers are rounded and clamped.
fn element(value: f64, dtype: Dtype) -> [u8; 8] {
    let mut bytes = [0; 8];
    let mut write = |element: &[u8]| bytes[..element.len()].copy_from_slice(element);
    match dtype {
        Dtype::Float16 => write(&f16::from_f64(value).to_le_bytes()),
        Dtype::Bfloat16 => write(&bf16::from_f64(value).to_le_bytes()),
        Dtype::Float64 => write(&value.to_le_bytes()),
        // A cast to an integer saturates.
        Dtype::Uint8 | Dtype::Bool => write(&[value.round() as u8]),
        Dtype::Int8 => write(&(value.round() as i8).to_le_bytes()),
        Dtype::Int16 => write(&(value.round() as i16).to_le_bytes()),
        Dtype::Int32 => write(&(value.round() as i32).to_le_bytes()),
        Dtype::Int64 => write(&(value.round() as i64).to_le_bytes()),
        Dtype::Float32 => write(&(value as f32).to_le_bytes()),
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Size;
    use crate::memory_budget::MemoryBudget;

    fn floats(layout: Layout, color: Color) -> Vec<f32> {
        let preprocess = Preprocess {
            scale: 1.0 / 255.0,
            mean: [0.5, 0.0, 0.0],
            std: [0.5, 1.0, 1.0],
            layout,
            color,
            ..crate::formats::tests::plain()
        };
        let mut memory = MemoryBudget::new(100).reservation();
        let mut pixels = Pixels::black(Size { height: 1, width: 2 }, &mut memory).unwrap();
        pixels.data = vec![255, 0, 51, 0, 255, 102];
        let data = write(&pixels, &preprocess, Dtype::Float32);
        data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    }

    #[test]
    fn channels_are_normalised_and_ordered_as_the_config_says() {
        for (layout, color, expected) in [
            (Layout::Chw, Color::Rgb, [1.0, -1.0, 0.0, 1.0, 0.2, 0.4]),
            (Layout::Hwc, Color::Rgb, [1.0, 0.0, 0.2, -1.0, 1.0, 0.4]),
            (Layout::Chw, Color::Bgr, [-0.6, -0.2, 0.0, 1.0, 1.0, 0.0]),
        ] {
            let made = floats(layout, color);
            let is_close = made.iter().zip(expected).all(|(one, other)| (one - other).abs() < 1e-6);
            assert!(is_close, "{layout:?} {color:?}: {made:?}");
        }
    }

    #[test]
    fn integers_are_rounded_and_clamped() {
        assert_eq!(element(1.6, Dtype::Uint8)[0], 2);
        assert_eq!(element(-3.0, Dtype::Uint8)[0], 0);
        assert_eq!(element(300.0, Dtype::Uint8)[0], 255);
    }
}
