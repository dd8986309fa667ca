//! The formats of `/v1` that are no JSON.

use std::num::NonZeroU64;

use crate::config::{Color, Layout, Preprocess, Resize};
use crate::formats::{FormatError, GivenTensor, image, npy, npz, safetensors};
use crate::memory_budget::{MemoryBudget, Reservation};
use crate::tensor::Dtype;

/// As much as a decoder is granted for one request, and less than the single allocation that
/// `scripts/fuzz` allows.
const GRANTED: usize = 16 << 20;

pub(super) fn npy(bytes: &[u8]) {
    check(|memory| npy::decode(bytes, memory).map(|tensor| vec![tensor]));
}

pub(super) fn npz(bytes: &[u8]) {
    check(|memory| npz::decode(bytes, GRANTED, memory));
}

pub(super) fn safetensors(bytes: &[u8]) {
    check(|memory| safetensors::decode(bytes, memory));
}

pub(super) fn image(bytes: &[u8]) {
    let preprocess = Preprocess {
        input: None,
        resize: Some(Resize::ShorterSide(20)),
        center_crop: None,
        scale: 1.0,
        mean: [0.0; 3],
        std: [1.0; 3],
        layout: Layout::Chw,
        color: Color::Rgb,
        max_pixels: NonZeroU64::MIN.saturating_add(1 << 18),
    };
    check(|memory| {
        let tensor = image::decode(bytes, &preprocess, Dtype::Uint8, memory)?;
        Ok(vec![tensor])
    });
}

/// Tensors are as long as they say, and what is reserved is what they hold.
fn check(decode: impl FnOnce(&mut Reservation) -> Result<Vec<GivenTensor>, FormatError>) {
    let mut memory = MemoryBudget::new(GRANTED).reservation();
    let Ok(tensors) = decode(&mut memory) else { return };
    for GivenTensor { dtype, shape, data, .. } in &tensors {
        let elements: u64 = shape.iter().product();
        assert_eq!(elements * dtype.size() as u64, data.len() as u64);
    }
    assert_eq!(memory.bytes(), tensors.iter().map(|tensor| tensor.data.len()).sum::<usize>());
}
