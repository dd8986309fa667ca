//! Resizing, bilinear and with antialiasing, as Pillow does it and torchvision by Pillow: both passes
//! in 22 bits of fraction, rounded to 8-bit channels after each. Source: Pillow's
//! `src/libImaging/Resample.c`.

use super::pixels::{CHANNELS, Pixels};
use crate::config::Size;

/// Bits of fraction of a weight: a sum of 8-bit channels fits into an `i32` beside them.
const FRACTION: u32 = 32 - 8 - 2;

/// The size of an image whose shorter side becomes `side`; `None` where the longer one cannot be told.
pub(super) fn shorter_side(size: Size, side: u32) -> Option<Size> {
    let Size { height, width } = size;
    let longer = |longer: u32, shorter: u32| {
        u32::try_from(u64::from(side) * u64::from(longer) / u64::from(shorter.max(1))).ok()
    };
    Some(match width <= height {
        true => Size { height: longer(height, width)?, width: side },
        false => Size { height: side, width: longer(width, height)? },
    })
}

/// Draws `from` over `into`, which is as high.
pub(super) fn horizontally(from: &Pixels, into: &mut Pixels) {
    let windows = windows(from.width(), into.width());
    let (from_row, into_row) = (from.row_bytes(), into.row_bytes());
    let rows = from.data.chunks_exact(from_row).zip(into.data.chunks_exact_mut(into_row));
    for (source, target) in rows {
        let source = source.as_chunks::<CHANNELS>().0;
        let target = target.as_chunks_mut::<CHANNELS>().0;
        for (pixel, window) in target.iter_mut().zip(&windows) {
            let mut sums = [HALF; CHANNELS];
            for (rgb, weight) in source[window.first..].iter().zip(&window.weights) {
                for (sum, channel) in sums.iter_mut().zip(rgb) {
                    *sum += i32::from(*channel) * weight;
                }
            }
            *pixel = sums.map(round);
        }
    }
}

/// Draws `from` over `into`, which is as wide.
pub(super) fn vertically(from: &Pixels, into: &mut Pixels) {
    let row_bytes = from.row_bytes();
    let windows = windows(from.height(), into.height());
    let mut sums = vec![HALF; row_bytes];
    for (target, window) in into.data.chunks_exact_mut(row_bytes).zip(&windows) {
        sums.fill(HALF);
        let rows = from.data[window.first * row_bytes..].chunks_exact(row_bytes);
        for (row, weight) in rows.zip(&window.weights) {
            for (sum, channel) in sums.iter_mut().zip(row) {
                *sum += i32::from(*channel) * weight;
            }
        }
        target.iter_mut().zip(&sums).for_each(|(channel, sum)| *channel = round(*sum));
    }
}

const HALF: i32 = 1 << (FRACTION - 1);

fn round(sum: i32) -> u8 {
    // Clamped, so it fits.
    (sum >> FRACTION).clamp(0, 255) as u8
}

/// The pixels that one pixel is made of, and how much each counts.
struct Window {
    first: usize,
    weights: Vec<i32>,
}

fn windows(from: usize, into: usize) -> Vec<Window> {
    let scale = from as f64 / into as f64;
    // An image that grows is interpolated between neighbours.
    let reach = scale.max(1.0);
    (0..into)
        .map(|place| {
            let center = (place as f64 + 0.5) * scale;
            // Casts saturate at 0, as Pillow's bounds do.
            let first = (center - reach + 0.5) as usize;
            let end = ((center + reach + 0.5) as usize).min(from);
            let weight =
                |pixel: usize| (1.0 - ((pixel as f64 - center + 0.5) / reach).abs()).max(0.0);
            let sum: f64 = (first..end).map(weight).sum();
            let fraction = f64::from(1u32 << FRACTION);
            let weights =
                (first..end).map(|pixel| (weight(pixel) / sum * fraction + 0.5) as i32).collect();
            Window { first, weights }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_side_keeps_its_ratio_and_is_cut_to_whole_pixels() {
        for (width, height, expected) in [
            (500, 375, (341, 256)),
            (375, 500, (256, 341)),
            (256, 256, (256, 256)),
            (10, 3, (853, 256)),
        ] {
            let resized = shorter_side(Size { height, width }, 256).unwrap();
            assert_eq!((resized.width, resized.height), expected, "{width} x {height}");
        }
        assert_eq!(shorter_side(Size { height: 1, width: u32::MAX }, 256), None);
    }

    #[test]
    fn the_weights_of_each_pixel_add_up_to_one() {
        for (from, into) in [(1, 5), (5, 1), (7, 3), (3, 7), (1000, 224), (2, 2)] {
            for window in windows(from, into) {
                let sum: i32 = window.weights.iter().sum();
                assert!((sum - (1 << FRACTION)).abs() < 2000, "{from} to {into}: {sum}");
                assert!(window.first + window.weights.len() <= from);
            }
        }
    }
}
