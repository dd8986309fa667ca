//! Runs an engine and refuses outputs that are not by rows, because nobody could tell which part of
//! them belongs to which request.
//!
//! An output may have as many entries as the batch has rows by chance, such as a sum over the batch
//! of rows of just that length. So before the first batch of several rows of some shape its first
//! row runs alone: by rows there must be one entry then.

use std::collections::HashSet;

use forge_ipc::{
    BatchView, FrameFull, InputView, OutputSink, Shape, Structure, TensorMeta, has_items_per_row,
    of_rows,
};

use crate::collected::Collected;
use crate::{Engine, EngineError, Stopwatch};

/// Shapes of rows that are remembered; beyond that they are forgotten and checked anew.
const MOST_SHAPES: usize = 4096;

/// Runs batches whose outputs are by rows; without batching any.
#[derive(Debug)]
pub(crate) struct RowsFirst {
    batching: bool,
    /// Row shapes that were answered by rows when one ran alone.
    seen: HashSet<Vec<TensorMeta>>,
}

impl RowsFirst {
    pub(crate) fn new(batching: bool) -> Self {
        Self { batching, seen: HashSet::new() }
    }

    /// [`Engine::run`], with the rows of each output compared with those of the batch.
    pub(crate) fn run<E: Engine>(
        &mut self,
        engine: &mut E,
        batch: &BatchView<'_>,
        out: &mut dyn OutputSink,
        watch: &mut Stopwatch,
    ) -> Result<(), EngineError> {
        if !self.batching {
            return engine.run(batch, out, watch);
        }
        let row = row_of(batch.inputs);
        let is_seen = row.as_ref().is_none_or(|row| self.seen.contains(row));
        if !is_seen
            && batch.rows > 1
            && let Some(inputs) = first_row(batch.inputs)
        {
            let alone = BatchView { rows: 1, inputs: &inputs, ..*batch };
            let alone = run_checked(engine, &alone, &mut Collected::default(), watch);
            // Whatever else is wrong with the row shows in the batch as well.
            if let Err(error @ EngineError::OutputShape(_)) = alone {
                return Err(error);
            }
        }
        run_checked(engine, batch, out, watch)?;
        if let Some(row) = row.filter(|_| !is_seen) {
            if self.seen.len() == MOST_SHAPES {
                self.seen.clear();
            }
            self.seen.insert(row);
        }
        Ok(())
    }
}

fn run_checked<E: Engine>(
    engine: &mut E,
    batch: &BatchView<'_>,
    out: &mut dyn OutputSink,
    watch: &mut Stopwatch,
) -> Result<(), EngineError> {
    watch.makes_inputs();
    let mut checked = Checked { out, rows: batch.rows, outputs: 0, offender: None, list: None };
    engine.run(batch, &mut checked, watch)?;
    let Checked { offender, list, .. } = checked;
    match (offender, list) {
        (Some((output, shape)), _) => Err(EngineError::OutputShape(format!(
            "output {output} has shape {shape}, expected rows first"
        ))),
        (None, Some(problem)) => Err(EngineError::OutputShape(problem)),
        (None, None) => Ok(()),
    }
}

/// What one row of each input is.
fn row_of(inputs: &[InputView<'_>]) -> Option<Vec<TensorMeta>> {
    let row = |input: &InputView<'_>| {
        Some(TensorMeta { dtype: input.meta.dtype, shape: input.meta.shape.row()? })
    };
    inputs.iter().map(row).collect()
}

fn first_row<'a>(inputs: &[InputView<'a>]) -> Option<Vec<InputView<'a>>> {
    let first = |input: &InputView<'a>| {
        let shape = input.meta.shape.row()?.with_rows(1)?;
        let meta = TensorMeta { dtype: input.meta.dtype, shape };
        let bytes = input.bytes.get(..usize::try_from(meta.bytes()?).ok()?)?;
        Some(InputView { meta, bytes })
    };
    inputs.iter().map(first).collect()
}

/// Passes everything on and remembers the first output that is not by rows.
struct Checked<'a> {
    out: &'a mut dyn OutputSink,
    rows: u32,
    outputs: usize,
    offender: Option<(usize, Shape)>,
    /// What is wrong with a list of values.
    list: Option<String>,
}

impl OutputSink for Checked<'_> {
    fn tensor(&mut self, meta: TensorMeta) -> Result<&mut [u8], FrameFull> {
        if meta.shape.dims().first() != Some(&u64::from(self.rows)) {
            self.offender.get_or_insert((self.outputs, meta.shape));
        }
        self.outputs += 1;
        self.out.tensor(meta)
    }

    fn structure(&mut self, structure: &Structure) -> Result<(), FrameFull> {
        if has_items_per_row(structure) {
            self.list = of_rows(structure, 0, 1, self.rows as usize).err();
        }
        self.out.structure(structure)
    }
}
