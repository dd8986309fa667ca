//! An output sink that keeps nothing: a probe asks how large the answer to a batch is.

use forge_ipc::{FrameFull, MAX_PAYLOAD, MAX_TEXT, OutputSink, Structure, TensorMeta, aligned};

use crate::buffer::AlignedBuffer;

/// Counts what one response frame would have to hold.
#[derive(Debug, Default)]
pub(crate) struct Measure {
    outputs: Vec<TensorMeta>,
    bytes: u64,
    /// Where the engine writes its last output; nobody reads it.
    scratch: Option<AlignedBuffer>,
}

impl Measure {
    /// Each output, and the bytes they take in the payload of a frame. Their structure has its own
    /// place there.
    pub(crate) fn into_parts(self) -> (Vec<TensorMeta>, u64) {
        (self.outputs, self.bytes)
    }
}

impl OutputSink for Measure {
    fn tensor(&mut self, meta: TensorMeta) -> Result<&mut [u8], FrameFull> {
        let bytes = meta.bytes().unwrap_or(u64::MAX);
        let full = FrameFull { needed: bytes, capacity: MAX_PAYLOAD };
        // The old one goes first, so that two outputs never need memory together.
        self.scratch = None;
        let scratch = AlignedBuffer::zeroed(bytes).ok_or(full)?;
        self.bytes = self.bytes.saturating_add(aligned(bytes));
        self.outputs.push(meta);
        Ok(self.scratch.insert(scratch).bytes_mut())
    }

    fn structure(&mut self, structure: &Structure) -> Result<(), FrameFull> {
        match structure.encode().len() {
            0..=MAX_TEXT => Ok(()),
            needed => Err(FrameFull { needed: needed as u64, capacity: MAX_TEXT as u64 }),
        }
    }
}

#[cfg(test)]
mod tests {
    use forge_ipc::{Dtype, Shape};

    use super::*;

    fn meta(dtype: Dtype, dims: &[u64]) -> TensorMeta {
        TensorMeta { dtype, shape: Shape::new(dims).unwrap() }
    }

    #[test]
    fn every_output_takes_its_bytes_up_to_the_next_64() {
        let mut measure = Measure::default();
        let metas = [meta(Dtype::Float32, &[2, 3]), meta(Dtype::Uint8, &[2, 65])];
        for meta in metas {
            assert_eq!(measure.tensor(meta).unwrap().len() as u64, meta.bytes().unwrap());
        }
        let structure = Structure::Tuple(vec![Structure::Tensor, Structure::Tensor]);
        measure.structure(&structure).unwrap();
        let (outputs, bytes) = measure.into_parts();
        assert_eq!(outputs, metas);
        assert_eq!(bytes, 64 + 192);
    }

    #[test]
    fn a_structure_larger_than_its_place_does_not_fit() {
        let structure = Structure::Dict(vec![("k".repeat(MAX_TEXT), Structure::Tensor)]);
        assert!(Measure::default().structure(&structure).is_err());
    }

    #[test]
    fn an_output_larger_than_memory_does_not_fit() {
        for dims in [[u64::MAX, 1], [u64::MAX, 2]] {
            assert!(Measure::default().tensor(meta(Dtype::Float32, &dims)).is_err());
        }
    }
}
