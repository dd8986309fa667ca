//! One answer out of the answers to the parts of a request. Pure.

use super::{Answer, Compute, Output, RequestError};
use crate::tensor::{Structure, join_rows};

/// Joins the answers to consecutive rows: their outputs one after the other, lists of values for each row
/// too. What a batch has but one value of is the first part's. The request waited until a worker came to
/// any of its rows; the compute time is the sum, what the workers spent on it, as it is where one runs
/// the parts in turn.
///
/// # Errors
/// [`RequestError::OutputShape`] where the parts cannot be one answer, [`RequestError::MemoryFull`]
/// while the elements lie in two places.
pub fn join(parts: Vec<Answer>) -> Result<Answer, RequestError> {
    let mut parts = parts.into_iter();
    let first =
        parts.next().ok_or_else(|| RequestError::Internal("no parts to join".to_owned()))?;
    let Answer { outputs, structure, mut rows, is_batched, mut waited, mut compute, mut memory } =
        first;
    let mut leaves: Vec<Leaf> = outputs.into_iter().map(Leaf::from).collect();
    let mut structures = vec![structure];
    for part in parts {
        if part.outputs.len() != leaves.len() {
            return Err(differ("different numbers of outputs"));
        }
        for (index, (leaf, output)) in leaves.iter_mut().zip(part.outputs).enumerate() {
            leaf.push(output, index)?;
        }
        structures.push(part.structure);
        rows += part.rows;
        waited = waited.min(part.waited);
        compute = sum(compute, part.compute);
        memory.absorb(part.memory);
    }
    let structure = joined_structure(structures)?;
    let mut outputs = Vec::with_capacity(leaves.len());
    for leaf in leaves {
        let bytes = leaf.pieces.iter().map(Vec::len).sum();
        if !memory.grow(bytes) {
            return Err(RequestError::MemoryFull { limit: memory.limit() });
        }
        outputs.push(leaf.join(bytes));
        memory.shrink(bytes);
    }
    Ok(Answer { outputs, structure, rows, is_batched, waited, compute, memory })
}

/// One output of all parts.
struct Leaf {
    row: crate::tensor::TensorMeta,
    pieces: Vec<Vec<u8>>,
}

impl From<Output> for Leaf {
    fn from(Output { row, data }: Output) -> Self {
        Self { row, pieces: vec![data] }
    }
}

impl Leaf {
    fn push(&mut self, output: Output, index: usize) -> Result<(), RequestError> {
        let (one, other) = (&self.row, &output.row);
        if one != other {
            return Err(differ(&format!(
                "output {index} as {} {} and as {} {} for each row",
                one.dtype.name(),
                one.shape,
                other.dtype.name(),
                other.shape
            )));
        }
        self.pieces.push(output.data);
        Ok(())
    }

    fn join(self, bytes: usize) -> Output {
        let mut data = Vec::with_capacity(bytes);
        for piece in self.pieces {
            data.extend_from_slice(&piece);
        }
        Output { row: self.row, data }
    }
}

fn joined_structure(parts: Vec<Structure>) -> Result<Structure, RequestError> {
    join_rows(parts).map_err(|problem| differ(&problem))
}

fn differ(what: &str) -> RequestError {
    RequestError::OutputShape(format!(
        "the request has more rows than a batch, and its batches returned {what}: they cannot be \
         joined; send fewer rows, or raise max_batch_size"
    ))
}

fn sum(one: Compute, other: Compute) -> Compute {
    Compute {
        input: one.input + other.input,
        infer: one.infer + other.infer,
        output: one.output + other.output,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::memory_budget::MemoryBudget;
    use crate::tensor::{Dtype, Shape, TensorMeta};
    use Structure::{Float, List, Str, Tensor, Tuple};

    fn part(budget: &Arc<MemoryBudget>, row: &[u64], data: &[u8], labels: &[&str]) -> Answer {
        let mut memory = budget.reservation();
        assert!(memory.grow(data.len()));
        let labels = labels.iter().map(|label| Str((*label).to_owned())).collect();
        let row = TensorMeta { dtype: Dtype::Uint8, shape: Shape::new(row).unwrap() };
        Answer {
            outputs: vec![Output { row, data: data.to_vec() }],
            structure: Tuple(vec![Tensor, List(labels), Float(data[0].into())]),
            rows: data.len() as u32 / 2,
            is_batched: true,
            waited: Duration::from_millis(data[0].into()),
            compute: Compute { infer: Duration::from_millis(3), ..Compute::default() },
            memory,
        }
    }

    #[test]
    fn rows_follow_each_other_and_a_batchs_own_value_is_the_first_parts() {
        let budget = MemoryBudget::new(16);
        let parts = vec![
            part(&budget, &[2], &[1, 2, 3, 4], &["a", "b"]),
            part(&budget, &[2], &[5, 6], &["c"]),
        ];
        let joined = join(parts).unwrap();
        assert_eq!(joined.outputs[0].data, [1, 2, 3, 4, 5, 6]);
        let labels = ["a", "b", "c"].map(|label| Str(label.to_owned())).to_vec();
        assert_eq!(joined.structure, Tuple(vec![Tensor, List(labels), Float(1.0)]));
        assert_eq!((joined.rows, joined.compute.total()), (3, Duration::from_millis(6)));
        assert_eq!(joined.waited, Duration::from_millis(1));
        assert_eq!((joined.memory.bytes(), budget.used()), (6, 6));
    }

    #[test]
    fn parts_whose_rows_differ_are_no_answer() {
        let budget = MemoryBudget::new(100);
        let parts =
            vec![part(&budget, &[2], &[1, 2], &["a"]), part(&budget, &[1, 2], &[5, 6], &["c"])];
        let Err(RequestError::OutputShape(message)) = join(parts) else { panic!() };
        assert!(message.contains("output 0 as uint8 [2] and as uint8 [1, 2]"), "{message}");
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn joining_keeps_within_the_memory_for_requests() {
        let budget = MemoryBudget::new(7);
        let parts =
            vec![part(&budget, &[2], &[1, 2], &["a"]), part(&budget, &[2], &[5, 6], &["c"])];
        assert!(matches!(join(parts), Err(RequestError::MemoryFull { limit: 7 })));
        assert_eq!(budget.used(), 0);
    }
}
