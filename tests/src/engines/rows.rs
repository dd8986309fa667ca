//! How a row sets off a behaviour: by the float32 it begins with.

use forge_ipc::{Dtype, InputView};

use super::words::When;

/// Whether this batch is to set off a behaviour. Inputs of other dtypes set off nothing.
pub(crate) fn asked(
    when: When,
    trigger: fn(f32) -> bool,
    inputs: &[InputView<'_>],
    rows: u32,
) -> bool {
    let mut tensors = inputs.iter().filter(|input| input.meta.dtype == Dtype::Float32);
    match when {
        When::Always => true,
        When::Above(most) => rows > most,
        When::Row => tensors.any(|input| first_of_each(input.bytes, rows).any(trigger)),
    }
}

/// The float32s of a contiguous tensor.
pub(crate) fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> {
    let (floats, _) = bytes.as_chunks::<4>();
    floats.iter().map(|float| f32::from_le_bytes(*float))
}

fn first_of_each(bytes: &[u8], rows: u32) -> impl Iterator<Item = f32> {
    let row = (bytes.len() / 4).checked_div(rows as usize).unwrap_or(0);
    floats(bytes).step_by(row.max(1))
}
