//! Gives each request of a completed batch its own rows of every output.

use forge_ipc::{Completion, FailureKind, PeerViolation, Structure, TensorMeta};

use crate::batching::{Batch, Entry};
use crate::model::Pending;
use crate::request::{Output, RequestError};

/// The rows of one request.
#[derive(Debug)]
pub struct Scattered {
    pub outputs: Vec<Output>,
    pub structure: Structure,
}

/// What a batch came to: rows for each request where there is memory for them, or a failure of the
/// whole.
pub type Scatter = Result<Vec<Result<Scattered, RequestError>>, (FailureKind, String)>;

/// Copies every request's rows out of the worker's region, after their memory was reserved beside
/// that of the inputs. Outputs that are not `[rows, …]` are never sliced by guess; the worker checks
/// that too, but its word is not taken for it.
pub fn scatter(
    completion: &Completion<'_>,
    outputs: &[TensorMeta],
    structure: &Structure,
    batch: &mut Batch<Pending>,
) -> Result<Scatter, PeerViolation> {
    let mut leaves = Vec::with_capacity(outputs.len());
    for (index, meta) in outputs.iter().enumerate() {
        match Leaf::new(meta, batch.rows) {
            Some(leaf) => leaves.push(leaf),
            None => return Ok(Err((FailureKind::OutputShape, not_by_rows(index, meta)))),
        }
    }
    let mut scattered = Vec::with_capacity(batch.entries.len());
    let mut first_row = 0;
    for entry in &mut batch.entries {
        scattered.push(match reserve(&leaves, entry) {
            Ok(()) => {
                let outputs = copy_rows(completion, &leaves, first_row, entry.rows)?;
                Ok(Scattered { outputs, structure: structure.clone() })
            }
            Err(refused) => Err(refused),
        });
        first_row += u64::from(entry.rows);
    }
    Ok(Ok(scattered))
}

fn reserve(leaves: &[Leaf], entry: &mut Entry<Pending>) -> Result<(), RequestError> {
    let row_bytes = leaves.iter().fold(0u64, |sum, leaf| sum.saturating_add(leaf.row_bytes));
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
    rows: u32,
) -> Result<Vec<Output>, PeerViolation> {
    let mut outputs = Vec::with_capacity(leaves.len());
    for (index, leaf) in leaves.iter().enumerate() {
        let mut data = Vec::new();
        let bytes = leaf.row_bytes * u64::from(rows);
        completion.copy(index, leaf.row_bytes * first_row, &mut data, bytes)?;
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
    fn new(meta: &TensorMeta, rows: u32) -> Option<Self> {
        if meta.shape.dims().first() != Some(&u64::from(rows)) {
            return None;
        }
        let row = TensorMeta { dtype: meta.dtype, shape: meta.shape.row()? };
        Some(Self { row, row_bytes: row.bytes()? })
    }
}
