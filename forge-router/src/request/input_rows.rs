//! The rows that a batch takes of a request: all of them, or a part that shares its elements with the
//! others.

use std::ops::Range;
use std::sync::Arc;

use super::Inputs;
use crate::batching::Group;
use crate::memory_budget::Reservation;

/// Some or all rows of a request's inputs. Splitting them copies nothing.
#[derive(Debug)]
pub struct InputRows {
    group: Group,
    rows: u32,
    elements: Elements,
}

#[derive(Debug)]
enum Elements {
    Own(Vec<Vec<u8>>),
    /// From this row of the whole on.
    Shared(Arc<Whole>, u32),
}

/// The elements of a request that was split, until the last of its parts has run.
#[derive(Debug)]
struct Whole {
    rows: u32,
    data: Vec<Vec<u8>>,
    #[expect(dead_code, reason = "held for its drop")]
    memory: Reservation,
}

impl From<Inputs> for InputRows {
    fn from(Inputs { group, rows, data }: Inputs) -> Self {
        Self { group, rows, elements: Elements::Own(data) }
    }
}

impl InputRows {
    pub fn group(&self) -> &Group {
        &self.group
    }

    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// The elements of these rows of each tensor, counted from its own first one.
    pub fn tensors_of(&self, rows: Range<u32>) -> impl Iterator<Item = &[u8]> {
        let (data, all, first) = match &self.elements {
            Elements::Own(data) => (data, self.rows, 0),
            Elements::Shared(whole, first) => (&whole.data, whole.rows, *first),
        };
        let rows = rows.start + first..rows.end + first;
        data.iter().map(move |data| slice(data, all, &rows))
    }

    /// The elements of all its rows of a tensor; none where there is no such tensor.
    pub fn tensor(&self, index: usize) -> &[u8] {
        match &self.elements {
            Elements::Own(data) => data.get(index).map_or(&[], Vec::as_slice),
            Elements::Shared(..) => self.tensors_of(0..self.rows).nth(index).unwrap_or_default(),
        }
    }

    /// Drops the elements and gives back what they took of `memory`.
    pub fn release(self, memory: &mut Reservation) {
        if let Elements::Own(data) = &self.elements {
            memory.shrink(data.iter().map(Vec::len).sum());
        }
    }

    /// The first `rows`, and the others. What the elements take of `memory` is theirs from then on.
    pub(super) fn split(self, rows: u32, memory: &mut Reservation) -> (Self, Self) {
        let Self { group, rows: all, elements } = self;
        let (whole, first) = match elements {
            Elements::Own(data) => (Arc::new(Whole { rows: all, data, memory: memory.take() }), 0),
            Elements::Shared(whole, first) => (whole, first),
        };
        let part = |first, rows| Self {
            group: group.clone(),
            rows,
            elements: Elements::Shared(Arc::clone(&whole), first),
        };
        (part(first, rows), part(first + rows, all - rows))
    }
}

/// These rows of a tensor that has `all`.
fn slice<'a>(data: &'a [u8], all: u32, rows: &Range<u32>) -> &'a [u8] {
    let row = data.len() / all.max(1) as usize;
    data.get(rows.start as usize * row..rows.end as usize * row).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory_budget::MemoryBudget;

    #[test]
    fn parts_have_the_rows_of_their_request_and_its_memory_until_the_last_has_gone() {
        let budget = MemoryBudget::new(100);
        let mut memory = budget.reservation();
        assert!(memory.grow(15));
        let data = vec![(0..10).collect(), (20..25).collect()];
        let inputs = InputRows::from(Inputs { group: Group::of_tensors([]), rows: 5, data });
        assert_eq!(inputs.tensors_of(1..3).collect::<Vec<_>>(), [&[2, 3, 4, 5][..], &[21, 22]]);
        let (first, rest) = inputs.split(2, &mut memory);
        let (second, third) = rest.split(2, &mut memory);
        assert_eq!([first.rows(), second.rows(), third.rows()], [2, 2, 1]);
        assert_eq!((first.tensor(0), first.tensor(1)), (&[0, 1, 2, 3][..], &[20, 21][..]));
        assert_eq!((second.tensor(0), second.tensor(1)), (&[4, 5, 6, 7][..], &[22, 23][..]));
        assert_eq!((third.tensor(0), third.tensor(1)), (&[8, 9][..], &[24][..]));
        assert_eq!(second.tensors_of(1..2).collect::<Vec<_>>(), [&[6, 7][..], &[23]]);
        assert_eq!(third.tensor(2), &[] as &[u8]);
        first.release(&mut memory);
        drop(second);
        assert_eq!((budget.used(), memory.bytes()), (15, 0));
        third.release(&mut memory);
        assert_eq!(budget.used(), 0);
    }
}
