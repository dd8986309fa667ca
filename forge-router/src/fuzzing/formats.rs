//! The formats of bodies beside JSON.

use std::num::NonZeroU64;

use super::purse::reservation;
use crate::config::{Color, Layout, Preprocess, Resize, Size};
use crate::flat::{Elements, FlatOutput};
use crate::formats::{FormatError, GivenTensor, image as images, npy, npz, raw, safetensors};
use crate::memory_budget::Reservation;
use crate::tensor::Dtype;

/// The most that an archive may come to, as `max_body_bytes` bounds it.
const MOST: usize = 4 << 20;

/// The dtype and the shape of bare elements, as two lines before them.
pub(super) fn raw_headers(bytes: &[u8]) {
    let mut lines = bytes.splitn(3, |byte| *byte == b'\n');
    let mut line = || lines.next().and_then(|line| std::str::from_utf8(line).ok());
    let (Some(dtype), Some(shape)) = (line(), line()) else { return };
    let (Ok(dtype), Ok(shape)) = (raw::dtype(dtype), raw::shape(shape)) else { return };
    assert_eq!(raw::shape(&raw::write_shape(&shape)), Ok(shape.clone()));
    let mut memory = reservation();
    let body = lines.next().unwrap_or_default();
    if let Ok(tensor) = raw::decode(body, dtype, shape, &mut memory) {
        assert_eq!(tensor.data, body);
        check(&[tensor], &memory);
    }
}

/// What `numpy.save` writes.
pub(super) fn npy(file: &[u8]) {
    let mut memory = reservation();
    let Ok(tensor) = npy::decode(file, &mut memory) else { return };
    check(std::slice::from_ref(&tensor), &memory);
    reads_back(
        &[tensor],
        |outputs, memory| npy::encode(&outputs[0], memory),
        |file, memory| Ok(vec![npy::decode(file, memory)?]),
    );
}

/// What `numpy.savez` writes, compressed or not.
pub(super) fn npz(file: &[u8]) {
    let mut memory = reservation();
    let Ok(tensors) = npz::decode(file, MOST, &mut memory) else { return };
    check(&tensors, &memory);
    let bytes: usize = tensors.iter().map(|tensor| tensor.data.len()).sum();
    assert!(bytes <= MOST, "it came to {bytes} bytes");
    reads_back(&tensors, npz::encode, |file, memory| npz::decode(file, usize::MAX, memory));
}

/// A file of named tensors.
pub(super) fn safetensors(file: &[u8]) {
    let mut memory = reservation();
    let Ok(tensors) = safetensors::decode(file, &mut memory) else { return };
    check(&tensors, &memory);
    reads_back(&tensors, safetensors::encode, safetensors::decode);
}

/// A JPEG or a PNG: it becomes a tensor of the size that is asked for, and never has more pixels than it
/// may.
pub(super) fn image(file: &[u8]) {
    let most = NonZeroU64::MIN.saturating_add(1 << 16);
    let size = Size { height: 3, width: 5 };
    let preprocess = Preprocess {
        input: None,
        resize: Some(Resize::ShorterSide(4)),
        center_crop: Some(size),
        scale: 1.0 / 255.0,
        mean: [0.0; 3],
        std: [1.0; 3],
        layout: Layout::Chw,
        color: Color::Rgb,
        max_pixels: most,
    };
    let mut memory = reservation();
    if let Ok(tensor) = images::decode(file, &preprocess, Dtype::Float32, &mut memory) {
        assert_eq!(tensor.shape, [3, 3, 5]);
        let (values, _) = tensor.data.as_chunks();
        // A channel is 0 to 255 whatever the image says.
        assert!(values.iter().all(|value| (0.0..=1.0).contains(&f32::from_le_bytes(*value))));
        check(&[tensor], &memory);
    }
    let whole = Preprocess { resize: None, center_crop: None, ..preprocess };
    let mut memory = reservation();
    if let Ok(tensor) = images::decode(file, &whole, Dtype::Uint8, &mut memory) {
        assert!(tensor.data.len() as u64 <= 3 * most.get());
        check(&[tensor], &memory);
    }
}

/// Each tensor has its shape's bytes, what stays reserved is what they hold, and no two have the same
/// name.
fn check(tensors: &[GivenTensor], memory: &Reservation) {
    let held: usize = tensors.iter().map(|tensor| tensor.data.capacity()).sum();
    assert_eq!(held, memory.bytes(), "held, and reserved");
    for (place, tensor) in tensors.iter().enumerate() {
        let elements = tensor.shape.iter().try_fold(1u64, |product, dim| product.checked_mul(*dim));
        let bytes = elements.and_then(|elements| elements.checked_mul(tensor.dtype.size() as u64));
        assert_eq!(bytes, Some(tensor.data.len() as u64));
        let others = &tensors[..place];
        assert!(others.iter().all(|other| other.name.is_none() || other.name != tensor.name));
    }
}

/// What is written of the tensors reads back as they are, in whatever order.
fn reads_back(
    tensors: &[GivenTensor],
    write: impl Fn(&[FlatOutput], &mut Reservation) -> Result<Vec<u8>, FormatError>,
    read: impl Fn(&[u8], &mut Reservation) -> Result<Vec<GivenTensor>, FormatError>,
) {
    let output = |tensor: &GivenTensor| FlatOutput {
        name: tensor.name.clone().unwrap_or_default(),
        shape: tensor.shape.clone(),
        elements: Elements::Numbers(tensor.dtype, tensor.data.clone()),
    };
    let outputs: Vec<FlatOutput> = tensors.iter().map(output).collect();
    let written = write(&outputs, &mut reservation());
    let written = written.unwrap_or_else(|error| panic!("{error} of {tensors:?}"));
    let mut again = read(&written, &mut reservation());
    if let Ok(again) = &mut again {
        again.sort_by(|one, other| one.name.cmp(&other.name));
    }
    let mut expected = tensors.to_vec();
    expected.sort_by(|one, other| one.name.cmp(&other.name));
    assert_eq!(again, Ok(expected));
}
