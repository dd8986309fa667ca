//! Rows of different lengths in one batch: where the elements of a shorter one lie among padding, on the
//! way in and on the way out. Pure.
//!
//! ```text
//! a tensor's rows as they came     in the batch, 4 positions     blocks: 2, own: 3, padded: 4
//! 1 2 3 | 4 5 6              ─►    1 2 3 0 | 4 5 6 0
//! ```
//!
//! A row's dimensions before the padded one, and the rows of a request, are blocks that lie one after the
//! other; those after it make a position longer.

use std::ops::Range;
use std::sync::Arc;

use crate::config::{Element, Pad, PadValue};
use crate::tensor::TensorMeta;

/// How the rows of one request are padded. Those of one request are equally long.
#[derive(Clone, Debug)]
pub struct Padding {
    pad: Arc<Pad>,
    /// Positions of each of its rows.
    length: u64,
    /// Positions that each has in the batch.
    padded: u64,
    /// A bit for each tensor that is padded with the value.
    tensors: u64,
    mask: Option<Mask>,
    /// A bit for each output that may be as long as the rows.
    outputs: u64,
}

#[derive(Clone, Copy, Debug)]
struct Mask {
    tensor: usize,
    /// It has no bytes of its own.
    is_made: bool,
}

/// Where the bytes of a tensor lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocks {
    pub count: u64,
    /// Bytes of a block without padding.
    pub own: u64,
    /// Bytes of a block with it.
    pub padded: u64,
}

/// What fills the place of one tensor of a request.
#[derive(Clone, Copy, Debug)]
pub struct Filling {
    pub blocks: Blocks,
    /// What the own positions are where the client did not give them.
    pub made: Option<Element>,
    pub padding: Element,
}

impl Padding {
    /// Of rows of `length` positions. `outputs` has a bit for each output that may be as long.
    pub fn new(pad: Arc<Pad>, length: u64, outputs: u64) -> Self {
        let padded = pad.padded(length);
        Self { pad, length, padded, tensors: 0, mask: None, outputs }
    }

    /// This tensor of the request is padded with the value.
    pub fn add_tensor(&mut self, tensor: usize) {
        self.tensors |= 1 << tensor;
    }

    /// This one is the mask, which the client gave or left to be made.
    pub fn add_mask(&mut self, tensor: usize, is_made: bool) {
        self.mask = Some(Mask { tensor, is_made });
    }

    /// Positions of each row that are its own, and those it has in the batch.
    pub fn positions(&self) -> (u64, u64) {
        (self.length, self.padded)
    }

    /// What a row of each tensor is in the batch.
    pub fn stretch(&self, row: &mut [TensorMeta]) {
        self.resize(row, self.padded);
    }

    /// Leaves the rows as long as they are; `row` as [`stretch`](Self::stretch) left it becomes what it
    /// was.
    pub fn give_up(&mut self, row: &mut [TensorMeta]) {
        self.padded = self.length;
        self.resize(row, self.length);
    }

    /// What fills the place of a tensor with these rows in the batch; `None` where it is as it came.
    pub fn filling(&self, tensor: usize, row: &TensorMeta, rows: u32) -> Option<Filling> {
        let mask = self.mask.filter(|mask| mask.tensor == tensor);
        let is_made = mask.is_some_and(|mask| mask.is_made);
        if self.length == self.padded && !is_made {
            return None;
        }
        let dim = self.dim(tensor, row)?;
        let value = if mask.is_some() { PadValue::Int(0) } else { self.pad.value };
        Some(Filling {
            blocks: self.blocks(dim, row, rows)?,
            made: if is_made { PadValue::Int(1).element(row.dtype) } else { None },
            padding: value.element(row.dtype)?,
        })
    }

    /// What one row of an output is without padding, and where its elements lie among the padding; `None`
    /// where the output is not as long as the padded rows.
    pub fn cut(&self, output: usize, row: &TensorMeta, rows: u32) -> Option<(TensorMeta, Blocks)> {
        let dim = self.pad.outputs_dim.filter(|_| self.length < self.padded)?;
        if self.outputs & (1 << output) == 0 || row.shape.dims().get(dim) != Some(&self.padded) {
            return None;
        }
        let own = TensorMeta { dtype: row.dtype, shape: row.shape.with_dim(dim, self.length)? };
        Some((own, self.blocks(dim, row, rows)?))
    }

    fn resize(&self, row: &mut [TensorMeta], length: u64) {
        for (tensor, meta) in row.iter_mut().enumerate() {
            let resized = self.dim(tensor, meta).and_then(|dim| meta.shape.with_dim(dim, length));
            meta.shape = resized.unwrap_or(meta.shape);
        }
    }

    /// The dimension of a tensor that is padded.
    fn dim(&self, tensor: usize, row: &TensorMeta) -> Option<usize> {
        let is_mask = self.mask.is_some_and(|mask| mask.tensor == tensor);
        let is_padded = is_mask || self.tensors & (1 << tensor) != 0;
        self.pad.dim_in(row.shape.rank(), is_mask).filter(|_| is_padded)
    }

    /// `None` where the bytes cannot be counted.
    fn blocks(&self, dim: usize, row: &TensorMeta, rows: u32) -> Option<Blocks> {
        let dims = row.shape.dims();
        let product =
            |dims: &[u64], by: u64| dims.iter().try_fold(by, |all, dim| all.checked_mul(*dim));
        let count = product(dims.get(..dim)?, rows.into())?;
        let position = product(dims.get(dim + 1..)?, row.dtype.size() as u64)?;
        let (own, padded) =
            (self.length.checked_mul(position)?, self.padded.checked_mul(position)?);
        // Elements of no bytes may be in any number of blocks.
        let count = if padded == 0 { 0 } else { count };
        Some(Blocks { count, own, padded })
    }
}

impl Filling {
    /// Writes a tensor of a request, piece by piece: `write` gets how far from its start each lies.
    /// `bytes` are the own ones, none where they are made. Returns the bytes that it takes.
    pub fn write<E>(
        &self,
        bytes: &[u8],
        mut write: impl FnMut(u64, &[u8]) -> Result<(), E>,
    ) -> Result<u64, E> {
        let Blocks { own, padded, .. } = self.blocks;
        let padding = Pattern::of(self.padding);
        let made = self.made.map(Pattern::of);
        // What does not fit the blocks is written nowhere, so no block is beyond `bytes`.
        let mut blocks = bytes.chunks_exact(usize::try_from(own).unwrap_or(usize::MAX).max(1));
        for range in self.blocks.own_ranges() {
            match &made {
                Some(ones) => ones.repeat(range.clone(), &mut write)?,
                None => write(range.start, blocks.next().unwrap_or_default())?,
            }
            padding.repeat(range.end..range.start + padded, &mut write)?;
        }
        Ok(self.blocks.count * padded)
    }
}

impl Blocks {
    /// Where the own bytes of each block lie. The ends do not overflow: what is in a frame was counted.
    pub fn own_ranges(self) -> impl Iterator<Item = Range<u64>> {
        let Self { count, own, padded } = self;
        (0..count).map(move |block| block * padded..block * padded + own)
    }
}

/// The same element many times, so that padding is copied in pieces.
struct Pattern {
    bytes: [u8; PATTERN],
}

/// A multiple of the size of every element.
const PATTERN: usize = 256;

impl Pattern {
    fn of(element: Element) -> Self {
        let mut bytes = [0; PATTERN];
        for place in bytes.chunks_exact_mut(element.bytes().len()) {
            place.copy_from_slice(element.bytes());
        }
        Self { bytes }
    }

    fn repeat<E>(
        &self,
        range: Range<u64>,
        write: &mut impl FnMut(u64, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        for start in range.clone().step_by(PATTERN) {
            // At most `PATTERN`.
            let length = (range.end - start).min(PATTERN as u64) as usize;
            write(start, &self.bytes[..length])?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::num::NonZeroU64;

    use proptest::prelude::*;

    use super::*;
    use crate::tensor::{Dtype, Shape};

    fn pad(dim: usize, multiple: u64) -> Arc<Pad> {
        Arc::new(Pad {
            dim,
            value: PadValue::Int(-1),
            multiple: NonZeroU64::new(multiple).unwrap(),
            max_length: None,
            mask_input: Some("mask".to_owned()),
            outputs_dim: Some(dim),
        })
    }

    fn row(dtype: Dtype, dims: &[u64]) -> TensorMeta {
        TensorMeta { dtype, shape: Shape::new(dims).unwrap() }
    }

    /// What stands in the batch for a tensor with these bytes; untouched bytes are 77.
    fn filled(
        padding: &Padding,
        tensor: usize,
        row: &TensorMeta,
        rows: u32,
        own: &[u8],
    ) -> Vec<u8> {
        let mut batch = vec![77; row.bytes().unwrap() as usize * rows as usize];
        let Some(filling) = padding.filling(tensor, row, rows) else { return own.to_vec() };
        let written = filling.write(own, |offset, bytes| {
            batch[offset as usize..][..bytes.len()].copy_from_slice(bytes);
            Ok::<_, Infallible>(())
        });
        assert_eq!(written.unwrap(), batch.len() as u64);
        batch
    }

    #[test]
    fn every_block_is_followed_by_its_padding() {
        let mut padding = Padding::new(pad(1, 4), 3, 1);
        padding.add_tensor(0);
        let mut tensors = [row(Dtype::Int8, &[2, 3]), row(Dtype::Int8, &[9, 9])];
        padding.stretch(&mut tensors);
        assert_eq!(tensors.map(|it| it.shape.dims().to_vec()), [[2, 4], [9, 9]]);
        let own = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        let batch = filled(&padding, 0, &tensors[0], 2, &own);
        assert_eq!(batch, [1, 2, 3, 255, 4, 5, 6, 255, 7, 8, 9, 255, 10, 11, 12, 255]);
        assert!(padding.filling(1, &tensors[1], 2).is_none());
    }

    #[test]
    fn a_mask_is_padded_with_0_and_made_of_1_where_it_was_left_out() {
        for (is_made, own) in [(true, &[][..]), (false, &[1, 1, 1, 1, 1, 1])] {
            let mut padding = Padding::new(pad(1, 4), 3, 1);
            padding.add_mask(0, is_made);
            let mut tensors = [row(Dtype::Bool, &[3])];
            padding.stretch(&mut tensors);
            assert_eq!(filled(&padding, 0, &tensors[0], 2, own), [1, 1, 1, 0, 1, 1, 1, 0]);
        }
        // A row that needs no padding still has no mask of its own.
        let mut padding = Padding::new(pad(0, 3), 3, 1);
        padding.add_mask(0, true);
        assert_eq!(filled(&padding, 0, &row(Dtype::Bool, &[3]), 1, &[]), [1, 1, 1]);
    }

    #[test]
    fn only_an_output_as_long_as_the_padded_rows_is_cut() {
        let padding = Padding::new(pad(0, 4), 3, 1);
        let (own, blocks) = padding.cut(0, &row(Dtype::Int16, &[4, 5]), 2).unwrap();
        assert_eq!(own, row(Dtype::Int16, &[3, 5]));
        assert_eq!(blocks.own_ranges().collect::<Vec<_>>(), [0..30, 40..70]);
        for dims in [&[][..], &[3], &[8], &[5, 4]] {
            assert!(padding.cut(0, &row(Dtype::Int16, dims), 2).is_none(), "{dims:?}");
        }
        // Whatever its size, this output is of another kind.
        assert!(padding.cut(1, &row(Dtype::Int16, &[4, 5]), 2).is_none());
        assert!(Padding::new(pad(0, 4), 4, 1).cut(0, &row(Dtype::Int16, &[4]), 2).is_none());
    }

    #[test]
    fn rows_without_bytes_have_no_blocks() {
        let mut padding = Padding::new(pad(1, 4), 3, 1);
        padding.add_tensor(0);
        let row = row(Dtype::Int8, &[u64::MAX / 9, 4, 0]);
        assert_eq!(padding.filling(0, &row, 1).unwrap().blocks.own_ranges().count(), 0);
        assert_eq!(padding.cut(0, &row, 1).unwrap().1.own_ranges().count(), 0);
    }

    #[test]
    fn rows_whose_padding_was_given_up_are_as_they_came() {
        let mut padding = Padding::new(pad(0, 4), 3, 1);
        padding.add_tensor(0);
        let mut tensors = [row(Dtype::Int8, &[3, 2])];
        padding.stretch(&mut tensors);
        padding.give_up(&mut tensors);
        assert_eq!(tensors, [row(Dtype::Int8, &[3, 2])]);
        assert_eq!(padding.positions(), (3, 3));
        assert!(padding.filling(0, &tensors[0], 1).is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]
        #[test]
        fn what_is_padded_and_cut_again_is_what_it_was(
            dims in proptest::collection::vec(0u64..5, 1..4),
            at in 0usize..3,
            rows in 1u32..4,
            length in 0u64..700,
            multiple in 1u64..70,
            dtype in proptest::sample::select(&Dtype::ALL[1..]),
            seed in any::<u8>(),
        ) {
            // Unsigned bytes cannot hold -1.
            prop_assume!(dtype != Dtype::Uint8);
            let dim = at.min(dims.len() - 1);
            let own_row = TensorMeta { dtype, shape: Shape::new(&dims).unwrap().with_dim(dim, length).unwrap() };
            let bytes = own_row.bytes().unwrap() * u64::from(rows);
            let own: Vec<u8> = (0..bytes).map(|at| (at as u8).wrapping_mul(7).wrapping_add(seed)).collect();
            let mut padding = Padding::new(pad(dim, multiple), length, 1);
            padding.add_tensor(0);
            let mut tensors = [own_row];
            padding.stretch(&mut tensors);
            let [padded_row] = tensors;
            prop_assert_eq!(padded_row.shape.dims()[dim], length.next_multiple_of(multiple));
            let batch = filled(&padding, 0, &padded_row, rows, &own);
            prop_assert_eq!(batch.len() as u64, padded_row.bytes().unwrap() * u64::from(rows));

            let Some((cut_row, blocks)) = padding.cut(0, &padded_row, rows) else {
                prop_assert_eq!(padded_row, own_row);
                return Ok(());
            };
            prop_assert_eq!(cut_row, own_row);
            let mut is_own = vec![false; batch.len()];
            let mut cut = Vec::new();
            for range in blocks.own_ranges() {
                let range = range.start as usize..range.end as usize;
                cut.extend_from_slice(&batch[range.clone()]);
                is_own[range].fill(true);
            }
            prop_assert_eq!(cut, own);
            let fill = PadValue::Int(-1).element(dtype).unwrap();
            for element in (0..batch.len()).step_by(dtype.size()).filter(|at| !is_own[*at]) {
                prop_assert_eq!(&batch[element..element + dtype.size()], fill.bytes());
            }
        }
    }
}
