//! Which batches a version has run most: what its successor is warmed with. Pure.

use std::collections::HashMap;
use std::sync::Arc;

use crate::batching::Group;
use crate::tensor::TensorMeta;

/// The most kinds that are counted; beyond that all counts are halved and those at 0 forgotten.
const MOST_KINDS: usize = 256;

/// Batches that take the same path through a model: dtypes and dims of a row, and how many rows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BatchKind {
    /// What one row of each tensor is.
    pub row: Arc<[TensorMeta]>,
    pub rows: u32,
}

/// Counts batches by kind.
#[derive(Debug, Default)]
pub struct Traffic {
    counts: HashMap<BatchKind, u64>,
}

impl Traffic {
    /// One more batch of so many rows. Those with other arguments than tensors are not counted:
    /// without the arguments they could not be run again.
    pub fn count(&mut self, group: &Group, rows: u32) {
        if group.arguments.is_some() || group.row.is_empty() {
            return;
        }
        let kind = BatchKind { row: Arc::clone(&group.row), rows };
        if let Some(count) = self.counts.get_mut(&kind) {
            *count += 1;
            return;
        }
        while self.counts.len() >= MOST_KINDS {
            self.counts.retain(|_, count| {
                *count /= 2;
                *count > 0
            });
        }
        self.counts.insert(kind, 1);
    }

    /// The kinds that ran most, at most so many, the most frequent first.
    pub fn most(&self, at_most: usize) -> Vec<BatchKind> {
        let mut kinds: Vec<(&BatchKind, u64)> =
            self.counts.iter().map(|(kind, count)| (kind, *count)).collect();
        // Among equals the order is that of what they are, so that the outcome does not depend on hashes.
        kinds.sort_by_cached_key(|(kind, count)| {
            (std::cmp::Reverse(*count), kind.rows, format!("{:?}", kind.row))
        });
        kinds.into_iter().take(at_most).map(|(kind, _)| kind.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::{Dtype, Shape};

    fn group(dim: u64) -> Group {
        let shape = Shape::new(&[dim]).unwrap();
        Group::of_tensors([TensorMeta { dtype: Dtype::Float32, shape }])
    }

    fn shown(kinds: &[BatchKind]) -> Vec<(u64, u32)> {
        kinds.iter().map(|kind| (kind.row[0].shape.dims()[0], kind.rows)).collect()
    }

    #[test]
    fn the_most_frequent_kinds_come_first() {
        let mut traffic = Traffic::default();
        for (dim, rows, times) in [(4, 1, 3), (4, 8, 5), (9, 1, 4)] {
            (0..times).for_each(|_| traffic.count(&group(dim), rows));
        }
        assert_eq!(shown(&traffic.most(2)), [(4, 8), (9, 1)]);
        assert_eq!(shown(&traffic.most(9)), [(4, 8), (9, 1), (4, 1)]);
    }

    #[test]
    fn endless_kinds_do_not_push_out_what_is_frequent() {
        let mut traffic = Traffic::default();
        (0..1000).for_each(|_| traffic.count(&group(1), 1));
        for dim in 2..1000 {
            traffic.count(&group(dim), 1);
            assert!(traffic.counts.len() <= MOST_KINDS);
        }
        assert_eq!(shown(&traffic.most(1)), [(1, 1)]);
    }

    #[test]
    fn batches_that_could_not_be_made_up_are_not_counted() {
        let mut traffic = Traffic::default();
        traffic.count(&Group { arguments: Some(Arc::from([1u8])), ..group(1) }, 1);
        traffic.count(&Group::of_tensors([]), 1);
        assert_eq!(traffic.most(9), []);
    }
}
