//! From the inputs of a request, by name, to what each argument of the model gets.

use forge_ipc::{Arguments, Given};

use super::{Input, Interface};
use crate::batching::Group;
use crate::pieces::Pieces;
use crate::request::{Inputs, RequestError};
use crate::tensor::{ArgumentKind, MAX_TENSORS, TensorMeta, Value};

/// A decoded input, with its name where the client gave one.
#[derive(Debug)]
pub struct NamedInput {
    pub name: Option<String>,
    pub given: GivenInput,
}

/// What a client gave for one argument.
#[derive(Debug)]
pub enum GivenInput {
    Tensor(RowTensor),
    Tensors(Vec<RowTensor>),
    Value(Value),
}

/// What one row of a tensor is, and the elements of all its rows.
#[derive(Debug)]
pub struct RowTensor {
    pub row: TensorMeta,
    pub data: Pieces,
}

impl Interface {
    /// Puts a request's inputs into the order of the arguments and checks them against what is
    /// declared. Each tensor holds `rows` rows, which their caller has checked; 1 where requests are
    /// not batched.
    pub fn accept(&self, mut given: Vec<NamedInput>, rows: u32) -> Result<Inputs, RequestError> {
        if let ([only], Some(sole)) = (given.as_mut_slice(), self.sole_input()) {
            only.name.get_or_insert_with(|| sole.name().to_owned());
        }
        // The config may call an input otherwise than the model does.
        for named in &mut given {
            let input = named.name.as_deref().and_then(|name| self.input(name));
            if let Some(input) = input.filter(|input| named.name.as_deref() != Some(input.name())) {
                named.name = Some(input.name().to_owned());
            }
        }
        if let Some(unknown) = given.iter().find(|named| !self.takes_input(named)) {
            return Err(self.unknown(unknown.name.as_deref()));
        }
        let begun = match &self.padder {
            None => None,
            Some(padder) => padder.begin(&self.inputs, &mut given)?,
        };
        let mut taken = Taken::with_room_for(self.arguments);
        for input in &self.inputs {
            let place = given.iter().position(|named| named.name.as_deref() == Some(input.name()));
            match place.map(|place| given.swap_remove(place).given) {
                Some(given) => taken.take(input, given)?,
                None if input.needs_value() => return Err(self.missing(input.name())),
                None => {}
            }
        }
        if let Some(name) = given.first().and_then(|again| again.name.as_deref()) {
            return Err(RequestError::Invalid(format!("input '{name}' is given twice")));
        }
        let arguments = match self.are_in_order(&taken.slots) {
            true => None,
            false => {
                let encoded = Arguments::encode(&taken.slots);
                Some(encoded.map_err(|error| RequestError::Invalid(error.to_string()))?.into())
            }
        };
        let padding = begun.map(|begun| begun.finish(&self.inputs, &taken.slots, &mut taken.row));
        let group = Group { row: taken.row.into(), arguments };
        Ok(Inputs { group, rows, data: taken.data, padding })
    }

    /// What one row of each input's tensor is in a request of this group; `None` for inputs that are
    /// no tensor or were left out. The reverse of [`Interface::accept`].
    pub fn rows_of(&self, group: &Group) -> Vec<Option<TensorMeta>> {
        let slots = group.arguments.as_deref().map(|bytes| Arguments::new(bytes).decode());
        let slots = slots.and_then(Result::ok);
        let mut rows = group.row.iter().copied();
        let row = |input: &Input| match &slots {
            None if *input.kind() == ArgumentKind::Tensor => rows.next(),
            None => None,
            Some(slots) => match slots.get(input.place())? {
                Given::Tensor => rows.next(),
                Given::Tensors(count) => rows.by_ref().take(*count as usize).last().and(None),
                Given::Default | Given::Value(_) => None,
            },
        };
        self.inputs.iter().map(row).collect()
    }

    /// Whether the given tensors are for the first tensor arguments and nothing else is given, which
    /// a worker is not told.
    fn are_in_order(&self, slots: &[Given]) -> bool {
        let mut left_out = false;
        self.inputs.iter().all(|input| {
            let slot = slots.get(input.place()).unwrap_or(&Given::Default);
            match (slot, input.kind()) {
                (Given::Tensor, ArgumentKind::Tensor) => !left_out,
                (Given::Default, ArgumentKind::Tensor) => {
                    left_out = true;
                    true
                }
                (slot, _) => *slot == Given::Default,
            }
        })
    }

    fn takes_input(&self, given: &NamedInput) -> bool {
        given.name.as_deref().is_some_and(|name| self.input(name).is_some())
    }

    fn missing(&self, name: &str) -> RequestError {
        RequestError::Invalid(format!("input '{name}' is missing; {}", self.takes()))
    }

    fn unknown(&self, name: Option<&str>) -> RequestError {
        RequestError::Invalid(match name {
            Some(name) => format!("there is no input '{name}'; {}", self.takes()),
            None => format!(
                "{}: send them by name, {{\"inputs\": {{\"{}\": …}}}}",
                self.takes(),
                self.inputs.first().map_or("x", Input::name)
            ),
        })
    }

    fn takes(&self) -> String {
        let names: Vec<&str> = self.inputs.iter().map(Input::name).collect();
        format!("the model takes {}", names.join(", "))
    }
}

/// What the arguments get so far.
struct Taken {
    /// One for each argument up to the last that is given.
    slots: Vec<Given>,
    row: Vec<TensorMeta>,
    data: Vec<Pieces>,
}

impl Taken {
    fn with_room_for(arguments: usize) -> Self {
        Self {
            slots: Vec::with_capacity(arguments),
            row: Vec::with_capacity(arguments),
            data: Vec::with_capacity(arguments),
        }
    }

    fn take(&mut self, input: &Input, given: GivenInput) -> Result<(), RequestError> {
        let slot = match given {
            GivenInput::Tensor(tensor) => {
                input.check(&tensor.row)?;
                self.push(tensor)?;
                Given::Tensor
            }
            GivenInput::Tensors(tensors) => {
                let count = tensors.len();
                tensors.into_iter().try_for_each(|tensor| self.push(tensor))?;
                // At most `MAX_TENSORS`.
                Given::Tensors(count as u32)
            }
            GivenInput::Value(value) => Given::Value(value),
        };
        self.slots.resize(input.place(), Given::Default);
        self.slots.push(slot);
        Ok(())
    }

    fn push(&mut self, tensor: RowTensor) -> Result<(), RequestError> {
        if self.row.len() == MAX_TENSORS {
            let text = format!("the inputs have more than {MAX_TENSORS} tensors");
            return Err(RequestError::Invalid(text));
        }
        self.row.push(tensor.row);
        self.data.push(tensor.data);
        Ok(())
    }
}
