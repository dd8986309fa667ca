//! Gives each request of a completed batch its own rows of every output.

use forge_ipc::{
    Completion, FailureKind, PeerViolation, Structure, TensorMeta, has_items_per_row, of_part,
    of_rows,
};

use super::padded::copy_cut;
use crate::batching::{Batch, Entry};
use crate::request::{Output, Pending, RequestError};

/// The rows of one request.
#[derive(Debug)]
pub struct Scattered {
    pub outputs: Vec<Output>,
    pub structure: Structure,
}

/// What a batch came to: rows for each request where there is memory for them, or a failure of the
/// whole.
pub type Scatter = Result<Vec<Result<Scattered, RequestError>>, (FailureKind, String)>;

/// An answer that the ring has checked.
#[derive(Debug)]
pub struct Taken<'a, 'c> {
    pub completion: &'a Completion<'c>,
    pub outputs: &'a [TensorMeta],
    pub structure: &'a Structure,
    /// Whether the outputs are `[rows, …]`; else they are one request's, as they are.
    pub batching: bool,
}

/// Copies every request's rows out of the worker's region, after their memory was reserved beside
/// that of the inputs. Outputs that are not `[rows, …]` are never sliced by guess; the worker checks
/// that too, but its word is not taken for it.
pub fn scatter(
    taken: &Taken<'_, '_>,
    batch: &mut Batch<Pending>,
) -> Result<Scatter, PeerViolation> {
    let mut leaves = Vec::with_capacity(taken.outputs.len());
    for (index, meta) in taken.outputs.iter().enumerate() {
        let leaf = if taken.batching { Leaf::of_rows(meta, batch.rows) } else { Leaf::whole(meta) };
        match leaf {
            Some(leaf) => leaves.push(leaf),
            None => {
                let problem = not_by_rows(index, meta);
                return Ok(Err((FailureKind::OutputShape, problem)));
            }
        }
    }
    let is_cut = taken.batching && has_items_per_row(taken.structure);
    let mut scattered = Vec::with_capacity(batch.entries.len());
    let mut first_row = 0;
    for entry in &mut batch.entries {
        let structure = if is_cut {
            let (first, count) = (first_row as usize, entry.rows as usize);
            let own = if entry.item.reply.is_part() { of_part } else { of_rows };
            match own(taken.structure, first, count, batch.rows as usize) {
                Ok(own) => own,
                Err(problem) => return Ok(Err((FailureKind::OutputShape, problem))),
            }
        } else {
            taken.structure.clone()
        };
        scattered.push(match reserve(&leaves, entry) {
            Ok(()) => {
                let outputs = copy_rows(taken.completion, &leaves, first_row, entry)?;
                Ok(Scattered { outputs, structure })
            }
            Err(refused) => Err(refused),
        });
        first_row += u64::from(entry.rows);
    }
    Ok(Ok(scattered))
}

fn reserve(leaves: &[Leaf], entry: &mut Entry<Pending>) -> Result<(), RequestError> {
    let padding = entry.item.inputs.padding.as_deref();
    let own = |(index, leaf): (usize, &Leaf)| {
        let cut = padding.and_then(|padding| padding.cut(index, &leaf.row, entry.rows));
        cut.and_then(|(row, _)| row.bytes()).unwrap_or(leaf.row_bytes)
    };
    let row_bytes = leaves.iter().enumerate().map(own).fold(0, u64::saturating_add);
    let bytes = row_bytes.saturating_mul(u64::from(entry.rows));
    let memory = &mut entry.item.memory;
    if memory.grow(usize::try_from(bytes).unwrap_or(usize::MAX)) {
        return Ok(());
    }
    Err(RequestError::MemoryFull { limit: memory.limit() })
}

fn copy_rows(
    completion: &Completion<'_>,
    leaves: &[Leaf],
    first_row: u64,
    entry: &Entry<Pending>,
) -> Result<Vec<Output>, PeerViolation> {
    let padding = entry.item.inputs.padding.as_deref();
    let mut outputs = Vec::with_capacity(leaves.len());
    for (index, leaf) in leaves.iter().enumerate() {
        let start = leaf.row_bytes * first_row;
        if let Some((row, blocks)) = padding.and_then(|it| it.cut(index, &leaf.row, entry.rows)) {
            outputs.push(Output { row, data: copy_cut(completion, (index, start), blocks)? });
            continue;
        }
        let mut data = Vec::new();
        let bytes = leaf.row_bytes * u64::from(entry.rows);
        completion.copy(index, start, &mut data, bytes)?;
        outputs.push(Output { row: leaf.row, data });
    }
    Ok(outputs)
}

/// The message for an output whose first dimension is not the rows.
fn not_by_rows(index: usize, meta: &TensorMeta) -> String {
    format!("output {index} has shape {}, expected rows first", meta.shape)
}

/// One output, as far as its rows are concerned. Its products cannot overflow: the ring has checked
/// that the whole lies within a frame.
struct Leaf {
    row: TensorMeta,
    row_bytes: u64,
}

impl Leaf {
    fn of_rows(meta: &TensorMeta, rows: u32) -> Option<Self> {
        if meta.shape.dims().first() != Some(&u64::from(rows)) {
            return None;
        }
        Self::whole(&TensorMeta { dtype: meta.dtype, shape: meta.shape.row()? })
    }

    fn whole(meta: &TensorMeta) -> Option<Self> {
        Some(Self { row: *meta, row_bytes: meta.bytes()? })
    }
}
