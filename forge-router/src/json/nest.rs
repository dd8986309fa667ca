//! How deep and how even the arrays of a tensor nest, tracked in fixed-size state.

use crate::tensor::{MAX_RANK, Shape};

/// Most dimensions of one row: a batch puts the rows before them.
pub(super) const MAX_DIMS: usize = MAX_RANK - 1;

/// The open arrays of a tensor while it is read.
#[derive(Debug, Default)]
pub(super) struct Nest {
    /// How many arrays are open.
    depth: usize,
    /// The deepest that arrays were open.
    rank: usize,
    /// Whether the numbers' depth, which is `rank`, is known.
    has_numbers: bool,
    /// The children read so far of each open array.
    counts: [u64; MAX_DIMS],
    /// The length of the arrays of each depth, once one of them was closed.
    lengths: [Option<u64>; MAX_DIMS],
}

/// Why a tensor does not take another array, number or end of an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Uneven {
    /// In words, with the place: `[1] is a number, expected an array`.
    Ragged(String),
    TooDeep,
}

impl Nest {
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// An array begins.
    pub(super) fn open(&mut self) -> Result<(), Uneven> {
        if self.depth == self.rank {
            if self.has_numbers {
                let what = format!("{} is an array, expected a number", self.path());
                return Err(Uneven::Ragged(what));
            }
            if self.rank == MAX_DIMS {
                return Err(Uneven::TooDeep);
            }
            self.rank += 1;
        }
        self.counts[self.depth] = 0;
        self.depth += 1;
        Ok(())
    }

    /// Numbers come in the innermost open array.
    pub(super) fn numbers(&mut self) -> Result<(), Uneven> {
        if self.depth != self.rank {
            let what = format!("{} is a number, expected an array", self.path());
            return Err(Uneven::Ragged(what));
        }
        self.has_numbers = true;
        Ok(())
    }

    /// The innermost open array got `count` more children.
    pub(super) fn count(&mut self, count: u64) {
        if let Some(innermost) = self.depth.checked_sub(1) {
            self.counts[innermost] += count;
        }
    }

    /// The innermost open array ends. Nothing happens where none is open.
    pub(super) fn close(&mut self) -> Result<(), Uneven> {
        let Some(innermost) = self.depth.checked_sub(1) else { return Ok(()) };
        self.depth = innermost;
        let count = self.counts[innermost];
        let expected = *self.lengths[innermost].get_or_insert(count);
        if count != expected {
            let plural = if count == 1 { "" } else { "s" };
            return Err(Uneven::Ragged(format!(
                "row {} has {count} element{plural}, expected {expected}",
                self.path()
            )));
        }
        self.count(1);
        Ok(())
    }

    /// The place of the next child: `[2][0]`; empty outside all arrays.
    pub(super) fn path(&self) -> String {
        self.counts[..self.depth].iter().map(|index| format!("[{index}]")).collect()
    }

    /// The shape, once all arrays are closed. `MAX_DIMS` is below a shape's bound, so there always
    /// is one.
    pub(super) fn shape(&self) -> Option<Shape> {
        let lengths = self.lengths.map(|length| length.unwrap_or(0));
        Shape::new(&lengths[..self.rank])
    }
}
