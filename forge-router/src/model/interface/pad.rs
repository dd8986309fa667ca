//! Which tensors of a request are padded, and the mask that goes with them.
//!
//! All tensors that have the padded dimension are, but those whose declaration leaves it no choice; the
//! items of a list are not. They are of one length, which is the request's. A mask that the client leaves
//! out is made: padding would count otherwise, and answers would depend on who else is in the batch.

use std::num::NonZeroU64;
use std::sync::{Arc, OnceLock};

use forge_ipc::{Given, Signature};

use super::{GivenInput, Input, InterfaceError, NamedInput, RowTensor, takes};
use crate::config::{DeclaredInput, MASK_DTYPE, Pad};
use crate::padding::Padding;
use crate::pieces::Pieces;
use crate::request::RequestError;
use crate::tensor::{ArgumentKind, MAX_TENSORS, Shape, TensorMeta, Value};

/// How the requests of a model are padded.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Padder {
    pad: Arc<Pad>,
    /// Among the inputs.
    mask: Option<usize>,
    /// A bit for each output that is as long as the rows, once that was found out. All clones share it.
    outputs: Arc<OnceLock<u64>>,
}

/// The padding of one request, while its tensors are put in order.
pub(super) struct Begun<'a> {
    padder: &'a Padder,
    padding: Padding,
    makes_mask: bool,
}

impl Padder {
    /// Finds the mask, which no request has to give from here on.
    pub(super) fn new(
        pad: &Pad,
        inputs: &mut [Input],
        signature: &Signature,
    ) -> Result<Self, InterfaceError> {
        let pad = Arc::new(pad.clone());
        let Some(name) = &pad.mask_input else { return Ok(Self::of(pad, None)) };
        let is_meant = |input: &Input| input.name() == name || input.public_name() == name;
        let Some(mask) = inputs.iter().position(is_meant) else {
            let (name, takes) = (name.clone(), takes(signature));
            return Err(InterfaceError::NoMaskInput { name, takes });
        };
        let are_declared = inputs.iter().any(|input| input.declared().is_some());
        let input = &mut inputs[mask];
        if *input.kind() != ArgumentKind::Tensor {
            let (name, kind) = (name.clone(), input.type_name());
            return Err(InterfaceError::MaskNotATensor { name, kind });
        }
        input.is_made = true;
        if are_declared && input.declared.is_none() {
            let (name, place) = (input.name().to_owned(), None);
            let (dtype, shape) = (MASK_DTYPE, vec![None]);
            input.declared = Some(DeclaredInput { name, place, dtype, shape });
        }
        Ok(Self::of(pad, Some(mask)))
    }

    fn of(pad: Arc<Pad>, mask: Option<usize>) -> Self {
        Self { pad, mask, outputs: Arc::default() }
    }

    /// Two lengths of rows, of which the outputs differ in what follows the length; `None` where
    /// nothing is cut, or is known already.
    pub(super) fn lengths_to_compare(&self) -> Option<[u64; 2]> {
        self.pad.outputs_dim.filter(|_| self.outputs.get().is_none())?;
        let shortest = self.pad.padded(1);
        let longer = shortest.checked_add(1)?;
        let longest = self.pad.max_length.map_or(u64::MAX, NonZeroU64::get);
        match shortest {
            _ if longer <= longest => Some([shortest, self.pad.padded(longer)]),
            0 | 1 => None,
            _ => Some([shortest, shortest - 1]),
        }
    }

    /// Remembers which outputs follow the length: what a row of each was for each of the two.
    pub(super) fn learn_outputs(&self, lengths: [u64; 2], outputs: [&[TensorMeta]; 2]) {
        let Some(dim) = self.pad.outputs_dim else { return };
        let follows = |output: usize| {
            lengths.iter().zip(outputs).all(|(length, outputs)| {
                outputs.get(output).is_some_and(|row| row.shape.dims().get(dim) == Some(length))
            })
        };
        let all = (0..MAX_TENSORS).filter(|output| follows(*output));
        self.outputs.get_or_init(|| all.fold(0, |bits, output| bits | 1 << output));
    }

    /// How long the shortest rows are that run.
    pub(super) fn shortest(&self) -> u64 {
        self.pad.padded(1)
    }

    /// Makes a declared row as long as that where its length is free.
    pub(super) fn stretch(&self, inputs: &[Input], row: &mut [TensorMeta], length: u64) {
        let is_tensor = |input: &Input| *input.kind() == ArgumentKind::Tensor;
        let tensors = inputs.iter().enumerate().filter(|(_, input)| is_tensor(input));
        for ((place, input), meta) in tensors.zip(row) {
            let dim = self.dim(place, input, meta);
            let shape = dim.and_then(|dim| meta.shape.with_dim(dim, length));
            meta.shape = shape.unwrap_or(meta.shape);
        }
    }

    /// Adds the mask where it is to be made. `None` where nothing of the request is padded.
    pub(super) fn begin(
        &self,
        inputs: &[Input],
        given: &mut Vec<NamedInput>,
    ) -> Result<Option<Begun<'_>>, RequestError> {
        let Some(length) = self.length(inputs, given)? else { return Ok(None) };
        let mask = self.mask.and_then(|place| inputs.get(place));
        let is_of = |named: &NamedInput, input: &Input| named.name.as_deref() == Some(input.name());
        let mut makes_mask = false;
        if let Some(mask) = mask {
            // None is what a model takes in place of a mask where every position counts.
            let is_none =
                |named: &NamedInput| matches!(named.given, GivenInput::Value(Value::None));
            given.retain(|named| !(is_of(named, mask) && is_none(named)));
            if !given.iter().any(|named| is_of(named, mask)) {
                makes_mask = true;
                let tensor = RowTensor { row: made_mask(mask, length)?, data: Pieces::default() };
                let (name, given_mask) = (mask.name().to_owned(), GivenInput::Tensor(tensor));
                given.push(NamedInput { name: Some(name), given: given_mask });
            }
        }
        // Where it is not known, the size alone tells.
        let outputs = self.outputs.get().copied().unwrap_or(u64::MAX);
        let padding = Padding::new(Arc::clone(&self.pad), length, outputs);
        Ok(Some(Begun { padder: self, padding, makes_mask }))
    }

    /// How long the rows of this request are.
    fn length(&self, inputs: &[Input], given: &[NamedInput]) -> Result<Option<u64>, RequestError> {
        let mut found: Option<(&str, u64)> = None;
        for named in given {
            let GivenInput::Tensor(RowTensor { row, .. }) = &named.given else { continue };
            let is_given = |input: &Input| named.name.as_deref() == Some(input.name());
            let Some(place) = inputs.iter().position(is_given) else { continue };
            let input = &inputs[place];
            // What is wrong with it is told before what is then missing.
            input.check(row)?;
            let Some(dim) = self.dim(place, input, row) else { continue };
            let length = row.shape.dims()[dim];
            self.check(input, length, (dim, row), self.mask == Some(place))?;
            match found {
                Some((other, of_other)) if of_other != length => {
                    return Err(RequestError::Invalid(format!(
                        "input '{}' has {length} positions and input '{other}' {of_other}: the rows \
                         of both are padded, so they have to be as long as each other",
                        input.name()
                    )));
                }
                _ => found = Some((input.name(), length)),
            }
        }
        Ok(found.map(|(_, length)| length))
    }

    fn check(
        &self,
        input: &Input,
        length: u64,
        (dim, row): (usize, &TensorMeta),
        is_mask: bool,
    ) -> Result<(), RequestError> {
        let name = input.name();
        if let Some(longest) = self.pad.max_length.filter(|longest| length > longest.get()) {
            return Err(RequestError::Invalid(format!(
                "input '{name}' has {length} positions in dimension {dim} of a row, at most {longest} \
                 are taken"
            )));
        }
        if !is_mask && self.pad.value.element(row.dtype).is_none() {
            return Err(RequestError::Invalid(format!(
                "input '{name}' is {}, which cannot hold the number that its rows are padded with ({})",
                row.dtype, self.pad.value
            )));
        }
        Ok(())
    }

    /// The dimension of a tensor that is padded.
    fn dim(&self, place: usize, input: &Input, row: &TensorMeta) -> Option<usize> {
        let rank = row.shape.rank();
        let dim = self.pad.dim_in(rank, self.mask == Some(place))?;
        let is_free = |declared: &DeclaredInput| {
            declared.shape.len() == rank && declared.shape[dim].is_none()
        };
        input.declared().is_none_or(is_free).then_some(dim)
    }
}

impl Begun<'_> {
    /// Makes the rows of the tensors, of which the slots tell whose they are, as long as they are in a
    /// batch.
    pub(super) fn finish(
        mut self,
        inputs: &[Input],
        slots: &[Given],
        row: &mut [TensorMeta],
    ) -> Box<Padding> {
        let mut tensor = 0;
        for (place, input) in inputs.iter().enumerate() {
            match slots.get(input.place()) {
                Some(Given::Tensor) => {
                    self.add(place, input, tensor, row);
                    tensor += 1;
                }
                Some(Given::Tensors(count)) => tensor += *count as usize,
                _ => {}
            }
        }
        self.padding.stretch(row);
        Box::new(self.padding)
    }

    fn add(&mut self, place: usize, input: &Input, tensor: usize, row: &[TensorMeta]) {
        let dim = row.get(tensor).and_then(|meta| self.padder.dim(place, input, meta));
        match self.padder.mask == Some(place) {
            _ if dim.is_none() => {}
            true => self.padding.add_mask(tensor, self.makes_mask),
            false => self.padding.add_tensor(tensor),
        }
    }
}

fn made_mask(mask: &Input, length: u64) -> Result<TensorMeta, RequestError> {
    let row = match mask.declared() {
        None => Shape::new(&[length]).map(|shape| TensorMeta { dtype: MASK_DTYPE, shape }),
        Some(declared) => {
            let dims: Vec<u64> = declared.shape.iter().map(|dim| dim.unwrap_or(length)).collect();
            Shape::new(&dims).map(|shape| TensorMeta { dtype: declared.dtype, shape })
        }
    };
    row.ok_or_else(|| RequestError::Internal("the mask has too many dimensions".to_owned()))
}

#[cfg(test)]
mod tests;
