//! Gives each request of a completed batch its own rows of every output.

use forge_ipc::{Completion, FailureKind, PeerViolation, Structure, TensorMeta};

use crate::batching::Batch;
use crate::model::Pending;
use crate::request::Output;

/// The rows of one request.
#[derive(Debug)]
pub struct Scattered {
    pub outputs: Vec<Output>,
    pub structure: Structure,
}

/// What a batch came to: rows for each request, or a failure of the whole.
pub type Scatter = Result<Vec<Scattered>, (FailureKind, String)>;

/// Copies every request's rows out of the worker's region. Outputs that are not `[rows, …]` are
/// never sliced by guess; the worker checks that too, but its word is not taken for it.
pub fn scatter(
    completion: &Completion<'_>,
    outputs: &[TensorMeta],
    structure: &Structure,
    batch: &Batch<Pending>,
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
    for entry in &batch.entries {
        let mut own = Vec::with_capacity(leaves.len());
        for (index, leaf) in leaves.iter().enumerate() {
            let bytes = leaf.row_bytes * u64::from(entry.rows);
            let mut data = Vec::new();
            completion.copy(index, leaf.row_bytes * first_row, &mut data, bytes)?;
            own.push(Output { row: leaf.row, data });
        }
        scattered.push(Scattered { outputs: own, structure: structure.clone() });
        first_row += u64::from(entry.rows);
    }
    Ok(Ok(scattered))
}

/// The message for an output whose first dimension is not the rows.
pub fn not_by_rows(index: usize, meta: &TensorMeta) -> String {
    format!("output {index} has shape {}, expected rows first", meta.shape)
}

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
