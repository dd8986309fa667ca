//! Runs an engine and refuses outputs whose first dimension is not the rows of the batch, because
//! nobody could tell which part of them belongs to which request.

use forge_ipc::{BatchView, FrameFull, OutputSink, Shape, Structure, TensorMeta};

use crate::{Engine, EngineError};

/// [`Engine::run`], with each output's first dimension compared with the rows where `batching`.
pub(crate) fn run<E: Engine>(
    engine: &mut E,
    batch: &BatchView<'_>,
    batching: bool,
    out: &mut dyn OutputSink,
) -> Result<(), EngineError> {
    if !batching {
        return engine.run(batch, out);
    }
    let mut checked = RowsFirst { out, rows: u64::from(batch.rows), outputs: 0, offender: None };
    engine.run(batch, &mut checked)?;
    match checked.offender {
        None => Ok(()),
        Some((output, shape)) => Err(EngineError::OutputShape(format!(
            "output {output} has shape {shape}, expected rows first"
        ))),
    }
}

/// Passes everything on and remembers the first output that is not `[rows, …]`.
struct RowsFirst<'a> {
    out: &'a mut dyn OutputSink,
    rows: u64,
    outputs: usize,
    offender: Option<(usize, Shape)>,
}

impl OutputSink for RowsFirst<'_> {
    fn tensor(&mut self, meta: TensorMeta) -> Result<&mut [u8], FrameFull> {
        if meta.shape.dims().first() != Some(&self.rows) {
            self.offender.get_or_insert((self.outputs, meta.shape));
        }
        self.outputs += 1;
        self.out.tensor(meta)
    }

    fn structure(&mut self, structure: &Structure) -> Result<(), FrameFull> {
        self.out.structure(structure)
    }
}
