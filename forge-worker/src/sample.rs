//! Made-up inputs for runs before anything is served.

use forge_ipc::{Arguments, BatchView, Dtype, InputView, TensorMeta};
use half::{bf16, f16};

use crate::buffer::AlignedBuffer;
use crate::{Collected, Engine, EngineError, Stopwatch};

/// The tensors of a batch, filled with numbers: floats from 0 to 1, integers 0 or 1, so that they
/// are good indices too. The same seed gives the same numbers.
#[derive(Debug)]
pub struct Sample {
    tensors: Vec<(TensorMeta, AlignedBuffer)>,
}

impl Sample {
    /// `None` where there is no memory for them.
    pub fn new(metas: &[TensorMeta], seed: u64) -> Option<Self> {
        let mut numbers = Numbers(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        Self::made(metas, || numbers.next())
    }

    /// The same number, 0 or 1, everywhere. `None` where there is no memory for them.
    pub(crate) fn filled(metas: &[TensorMeta], number: f64) -> Option<Self> {
        Self::made(metas, || number)
    }

    fn made(metas: &[TensorMeta], mut number: impl FnMut() -> f64) -> Option<Self> {
        let tensor = |meta: &TensorMeta| {
            let mut buffer = AlignedBuffer::zeroed(meta.bytes()?)?;
            fill(meta.dtype, buffer.bytes_mut(), &mut number);
            Some((*meta, buffer))
        };
        Some(Self { tensors: metas.iter().map(tensor).collect::<Option<_>>()? })
    }

    /// One row of these rows: `None` where a tensor has none of that number.
    pub(crate) fn row(&self, row: u64) -> Option<Self> {
        let tensor = |(meta, buffer): &(TensorMeta, AlignedBuffer)| {
            let one = meta.shape.row()?.with_rows(1)?;
            let meta = TensorMeta { dtype: meta.dtype, shape: one };
            let bytes = usize::try_from(meta.bytes()?).ok()?;
            let start = usize::try_from(row).ok()?.checked_mul(bytes)?;
            let mut copy = AlignedBuffer::zeroed(bytes as u64)?;
            copy.bytes_mut().copy_from_slice(buffer.bytes().get(start..start.checked_add(bytes)?)?);
            Some((meta, copy))
        };
        Some(Self { tensors: self.tensors.iter().map(tensor).collect::<Option<_>>()? })
    }

    pub fn views(&self) -> Vec<InputView<'_>> {
        self.tensors
            .iter()
            .map(|(meta, buffer)| InputView { meta: *meta, bytes: buffer.bytes() })
            .collect()
    }

    /// The first dimension of the first tensor.
    pub fn rows(&self) -> u32 {
        let rows = self.tensors.first().and_then(|(meta, _)| meta.shape.dims().first().copied());
        rows.and_then(|rows| u32::try_from(rows).ok()).unwrap_or(1)
    }

    /// Runs these tensors as a batch.
    pub fn run<E: Engine>(&self, engine: &mut E) -> Result<Collected, EngineError> {
        let inputs = self.views();
        let arguments = Arguments::in_order();
        let batch = BatchView { rows: self.rows(), inputs: &inputs, arguments };
        let mut collected = Collected::default();
        engine.run(&batch, &mut collected, &mut Stopwatch::start())?;
        Ok(collected)
    }
}

fn fill(dtype: Dtype, bytes: &mut [u8], next: &mut impl FnMut() -> f64) {
    for element in bytes.chunks_exact_mut(dtype.size()) {
        let number = next();
        match dtype {
            Dtype::Float16 => element.copy_from_slice(&f16::from_f64(number).to_le_bytes()),
            Dtype::Bfloat16 => element.copy_from_slice(&bf16::from_f64(number).to_le_bytes()),
            Dtype::Float32 => element.copy_from_slice(&(number as f32).to_le_bytes()),
            Dtype::Float64 => element.copy_from_slice(&number.to_le_bytes()),
            // Little-endian: the first byte of an integer, and all of a boolean.
            _ => element[0] = u8::from(number >= 0.5),
        }
    }
}

/// Marsaglia's xorshift64 with the triple 13, 7, 17 ("Xorshift RNGs", 2003).
struct Numbers(u64);

impl Numbers {
    /// From 0 up to 1.
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use forge_ipc::Shape;

    use super::*;
    use crate::collected::elements;

    fn meta(dtype: Dtype, dims: &[u64]) -> TensorMeta {
        TensorMeta { dtype, shape: Shape::new(dims).unwrap() }
    }

    #[test]
    fn numbers_lie_between_0_and_1_and_vary() {
        for dtype in Dtype::ALL {
            let sample = Sample::new(&[meta(dtype, &[2, 50])], 7).unwrap();
            let views = sample.views();
            let numbers: Vec<f64> = elements(dtype, views[0].bytes).collect();
            assert_eq!(numbers.len(), 100);
            assert!(numbers.iter().all(|number| (0.0..=1.0).contains(number)), "{dtype}");
            assert!(numbers.iter().any(|number| *number != numbers[0]), "{dtype}");
        }
    }

    #[test]
    fn a_row_is_what_it_was_among_the_others() {
        let metas = [meta(Dtype::Float32, &[2, 3]), meta(Dtype::Int64, &[2])];
        let sample = Sample::new(&metas, 1).unwrap();
        let second = sample.row(1).unwrap();
        assert_eq!((sample.rows(), second.rows()), (2, 1));
        assert_eq!(second.views()[0].bytes, &sample.views()[0].bytes[12..]);
        assert_eq!(second.views()[1].bytes, &sample.views()[1].bytes[8..]);
        assert!(sample.row(2).is_none());
    }
}
