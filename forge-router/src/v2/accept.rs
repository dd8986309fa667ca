//! From a request's inputs to the core's.

use std::time::Duration;

use super::values::value;
use super::{Datatype, InferInput, InferRequest};
use crate::config::DeclaredInput;
use crate::model::{GivenInput, Input, Interface, NamedInput, RowTensor};
use crate::request::{Inputs, RequestError};
use crate::tensor::{
    ArgumentKind, Dtype, MAX_RANK, MAX_TENSORS, Shape, TensorMeta, Value, place_in_name,
};

/// The most rows of one request: each part of a batch's size waits on its own.
pub const MOST_ROWS: u64 = 1 << 16;

/// What a request asks of the batcher: its priority, and its time-out where it has one.
pub fn asked(request: &InferRequest) -> (u64, Option<Duration>) {
    let timeout = request.parameters.timeout;
    (request.parameters.priority, (timeout > 0).then(|| Duration::from_micros(timeout)))
}

/// The inputs as those of a model with this interface. Inputs may be named by their place, such as
/// `INPUT__n`, where the model has no argument of that name; the items of a list of tensors are
/// `name.0`, `name.1`, ….
///
/// # Errors
/// [`RequestError::Invalid`] for all that the client did wrong.
pub fn accept(
    inputs: Vec<InferInput>,
    interface: &Interface,
    is_batched: bool,
) -> Result<Inputs, RequestError> {
    if inputs.len() > MAX_TENSORS {
        let (count, most) = (inputs.len(), MAX_TENSORS);
        return Err(RequestError::Invalid(format!("{count} inputs, at most {most} are taken")));
    }
    let mut rows = is_batched.then_some(Rows { of: None });
    let mut given: Vec<NamedInput> = Vec::with_capacity(inputs.len());
    let mut names: Vec<String> = Vec::with_capacity(inputs.len());
    for input in inputs {
        check_bytes(&input)?;
        if names.contains(&input.name) {
            return Err(invalid(&input, "is given twice"));
        }
        names.push(input.name.clone());
        give(input, interface, &mut rows, &mut given)?;
    }
    let rows = rows.and_then(|rows| rows.of).map_or(1, |(rows, _)| rows);
    interface.accept(given, rows)
}

/// Adds an input to those that are given: as one of its own, or to the list it is an item of.
fn give(
    input: InferInput,
    interface: &Interface,
    rows: &mut Option<Rows>,
    given: &mut Vec<NamedInput>,
) -> Result<(), RequestError> {
    let Some((argument, item)) = find(interface, &input.name) else {
        let InferInput { name, .. } = input;
        // The interface knows what to say of a name it does not have.
        given.push(NamedInput { name: Some(name), given: GivenInput::Value(Value::None) });
        return Ok(());
    };
    let name = argument.name();
    let already = given.iter_mut().find(|named| named.name.as_deref() == Some(name));
    match (argument.kind(), item, already) {
        (ArgumentKind::Tensors, Some(item), already) => {
            let list = already.map(|named| &mut named.given);
            return give_item(input, argument, item, (rows, list)).map(|first| given.extend(first));
        }
        (ArgumentKind::Tensors, None, _) => {
            let cause = format!("is a list: give its items as '{name}.0', '{name}.1', …");
            return Err(invalid(&input, &cause));
        }
        (_, _, Some(_)) => {
            return Err(invalid(&input, &format!("gives '{name}' a second time")));
        }
        _ => {}
    }
    let value = match argument.kind() {
        ArgumentKind::Tensor | ArgumentKind::Other(_) => {
            GivenInput::Tensor(row_tensor(input, argument.declared(), rows)?)
        }
        kind => {
            let value = value(&input, kind, rows.is_some());
            GivenInput::Value(value.map_err(|cause| invalid(&input, &cause))?)
        }
    };
    given.push(NamedInput { name: Some(name.to_owned()), given: value });
    Ok(())
}

/// Adds an item to the list that its argument is; the list, where it is the first.
fn give_item(
    input: InferInput,
    argument: &Input,
    item: usize,
    (rows, list): (&mut Option<Rows>, Option<&mut GivenInput>),
) -> Result<Option<NamedInput>, RequestError> {
    let expected = match &list {
        Some(GivenInput::Tensors(list)) => list.len(),
        _ => 0,
    };
    if item != expected {
        let cause = format!("is out of its order: item {expected} is next");
        return Err(invalid(&input, &cause));
    }
    let tensor = row_tensor(input, None, rows)?;
    if let Some(GivenInput::Tensors(list)) = list {
        list.push(tensor);
        return Ok(None);
    }
    let given = GivenInput::Tensors(vec![tensor]);
    Ok(Some(NamedInput { name: Some(argument.name().to_owned()), given }))
}

/// The argument an input is for; and which item of it, where it is one of a list's.
fn find<'a>(interface: &'a Interface, name: &str) -> Option<(&'a Input, Option<usize>)> {
    if let Some(argument) = interface.input(name) {
        return Some((argument, None));
    }
    if let Some(place) = place_in_name(name) {
        let by_place: Option<&Input> = interface.inputs().get::<usize>(place);
        return by_place.map(|argument| (argument, None));
    }
    let (list, item) = name.rsplit_once('.')?;
    let argument = interface.input(list)?;
    (*argument.kind() == ArgumentKind::Tensors).then_some((argument, Some(item.parse().ok()?)))
}

fn invalid(input: &InferInput, cause: &str) -> RequestError {
    RequestError::Invalid(format!("input '{}' {cause}", input.name))
}

/// How many rows the tensors have, which has to be the same for all.
struct Rows {
    /// And the first input that had so many.
    of: Option<(u32, String)>,
}

impl Rows {
    fn take(&mut self, input: &InferInput) -> Result<(), RequestError> {
        let Some(first) = input.shape.first() else {
            return Err(invalid(input, "has no dimensions, the first one is the rows"));
        };
        let rows = u32::try_from(*first).ok().filter(|rows| u64::from(*rows) <= MOST_ROWS);
        let Some(rows) = rows else {
            let cause = format!("has {first} rows, at most {MOST_ROWS} are taken");
            return Err(invalid(input, &cause));
        };
        match &self.of {
            _ if rows == 0 => Err(invalid(input, "has no rows")),
            Some((count, other)) if rows != *count => {
                Err(invalid(input, &format!("has {rows} rows, input '{other}' has {count}")))
            }
            Some(_) => Ok(()),
            None => {
                self.of = Some((rows, input.name.clone()));
                Ok(())
            }
        }
    }
}

/// Compares the bytes with what the shape takes.
fn check_bytes(input: &InferInput) -> Result<(), RequestError> {
    let InferInput { datatype, shape, data, .. } = input;
    let elements = shape.iter().try_fold(1u64, |product, dim| product.checked_mul(*dim));
    let elements =
        elements.ok_or_else(|| invalid(input, &format!("has shape {shape:?}, which overflows")))?;
    let Datatype::Numbers(dtype) = datatype else { return Ok(()) };
    let expected = elements.checked_mul(dtype.size() as u64);
    if expected != Some(data.len() as u64) {
        let expected = expected.map_or("more than there can be".to_owned(), |n| n.to_string());
        let cause = format!(
            "has {} bytes, expected {expected} for {datatype} of shape {shape:?}",
            data.len()
        );
        return Err(invalid(input, &cause));
    }
    if *dtype == Dtype::Bool && data.bytes().any(|byte| *byte > 1) {
        return Err(invalid(input, "has a BOOL that is neither 0 nor 1"));
    }
    Ok(())
}

fn row_tensor(
    input: InferInput,
    declared: Option<&DeclaredInput>,
    rows: &mut Option<Rows>,
) -> Result<RowTensor, RequestError> {
    let Datatype::Numbers(dtype) = input.datatype else {
        return Err(invalid(&input, "has the datatype BYTES, but is a tensor of numbers"));
    };
    if let Some(declared) = declared {
        check_declared(&input, dtype, declared, rows.is_some())?;
    }
    let dims = match rows {
        Some(rows) => {
            rows.take(&input)?;
            input.shape.get(1..).unwrap_or_default()
        }
        None => &input.shape,
    };
    // A batch puts its rows before them.
    let shape = Shape::new(dims).filter(|shape| shape.rank() < MAX_RANK);
    let shape = shape.ok_or_else(|| {
        let (rank, most) = (input.shape.len(), MAX_RANK - usize::from(rows.is_none()));
        invalid(&input, &format!("has {rank} dimensions, at most {most} are taken"))
    })?;
    Ok(RowTensor { row: TensorMeta { dtype, shape }, data: input.data })
}

/// Compares an input with what the config declares of it, in the protocol's words.
fn check_declared(
    input: &InferInput,
    dtype: Dtype,
    declared: &DeclaredInput,
    has_rows: bool,
) -> Result<(), RequestError> {
    if dtype != declared.dtype {
        let expected = Datatype::Numbers(declared.dtype);
        return Err(invalid(input, &format!("is {}, expected {expected}", input.datatype)));
    }
    let rows = has_rows.then_some(None);
    let wanted: Vec<Option<u64>> = rows.into_iter().chain(declared.shape.iter().copied()).collect();
    let fits = input.shape.len() == wanted.len()
        && input.shape.iter().zip(&wanted).all(|(dim, want)| want.is_none_or(|want| want == *dim));
    if fits {
        return Ok(());
    }
    let show = |dim: &Option<u64>| dim.map_or("-1".to_owned(), |dim| dim.to_string());
    let expected: Vec<String> = wanted.iter().map(show).collect();
    let hint = match has_rows && input.shape.len() + 1 == wanted.len() {
        true => ": the first dimension is the rows, 1 for a single one",
        false => "",
    };
    let (shape, expected) = (&input.shape, expected.join(", "));
    Err(invalid(input, &format!("has shape {shape:?}, expected [{expected}]{hint}")))
}

#[cfg(test)]
mod tests;
