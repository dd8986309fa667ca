//! From a request's inputs to the core's.

use std::time::Duration;

use super::{Datatype, InferInput, InferRequest, read_texts};
use crate::model::{GivenInput, Input, Interface, NamedInput, RowTensor};
use crate::request::{Inputs, RequestError};
use crate::tensor::{ArgumentKind, Dtype, MAX_TENSORS, Shape, TensorMeta, Value};

/// The most rows of one request: each part of a batch's size waits on its own.
pub const MOST_ROWS: u64 = 1 << 16;

/// What a request asks of the batcher: its priority, and its time-out where it has one.
pub fn asked(request: &InferRequest) -> (u64, Option<Duration>) {
    let timeout = request.parameters.timeout;
    (request.parameters.priority, (timeout > 0).then(|| Duration::from_micros(timeout)))
}

/// The inputs as those of a model with this interface. Inputs may be named by their place,
/// `INPUT__n`, where the model has no argument of that name.
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
    let mut rows = is_batched.then_some(Rows { count: None });
    let mut given: Vec<NamedInput> = Vec::with_capacity(inputs.len());
    let mut names: Vec<String> = Vec::with_capacity(inputs.len());
    for input in inputs {
        check_bytes(&input)?;
        if names.contains(&input.name) {
            let name = &input.name;
            return Err(RequestError::Invalid(format!("input '{name}' is given twice")));
        }
        names.push(input.name.clone());
        give(input, interface, &mut rows, &mut given)?;
    }
    let rows = rows.and_then(|rows| rows.count).unwrap_or(1);
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
    let argument_name = Some(argument.name().to_owned());
    let already = given.iter_mut().find(|named| named.name == argument_name);
    let invalid = |cause: String| RequestError::Invalid(format!("input '{}' {cause}", input.name));
    match (argument.kind(), item, already) {
        (ArgumentKind::Tensors, Some(item), already) => {
            let list = already.map(|named| &mut named.given);
            let expected = match &list {
                Some(GivenInput::Tensors(list)) => list.len(),
                _ => 0,
            };
            if item != expected {
                return Err(invalid(format!("is out of its order: item {expected} is next")));
            }
            let tensor = row_tensor(input, rows)?;
            match list {
                Some(GivenInput::Tensors(list)) => list.push(tensor),
                _ => given.push(NamedInput {
                    name: argument_name,
                    given: GivenInput::Tensors(vec![tensor]),
                }),
            }
            Ok(())
        }
        (_, _, Some(_)) => Err(invalid(format!("gives '{}' a second time", argument.name()))),
        (ArgumentKind::Tensors, None, None) => {
            let name = argument.name();
            Err(invalid(format!("is a list: give its items as '{name}.0', '{name}.1', …")))
        }
        (ArgumentKind::Tensor | ArgumentKind::Other(_), _, None) => {
            let tensor = row_tensor(input, rows)?;
            given.push(NamedInput { name: argument_name, given: GivenInput::Tensor(tensor) });
            Ok(())
        }
        (kind, _, None) => {
            let value = value(&input, kind).map_err(invalid)?;
            given.push(NamedInput { name: argument_name, given: GivenInput::Value(value) });
            Ok(())
        }
    }
}

/// The argument an input is for; and which item of it, where it is one of a list's.
fn find<'a>(interface: &'a Interface, name: &str) -> Option<(&'a Input, Option<usize>)> {
    if let Some(argument) = interface.input(name) {
        return Some((argument, None));
    }
    if let Some(place) = name.strip_prefix("INPUT__").and_then(|place| place.parse().ok()) {
        let by_place: Option<&Input> = interface.inputs().get::<usize>(place);
        return by_place.map(|argument| (argument, None));
    }
    let (list, item) = name.rsplit_once('.')?;
    let argument = interface.input(list)?;
    (*argument.kind() == ArgumentKind::Tensors).then_some((argument, Some(item.parse().ok()?)))
}

/// How many rows the tensors have, which has to be the same for all.
struct Rows {
    count: Option<u32>,
}

impl Rows {
    fn take(&mut self, input: &InferInput) -> Result<(), RequestError> {
        let name = &input.name;
        let invalid = |cause: String| RequestError::Invalid(format!("input '{name}' {cause}"));
        let Some(first) = input.shape.first() else {
            return Err(invalid("has no dimensions, expected rows first".to_owned()));
        };
        let rows = u32::try_from(*first).ok().filter(|rows| u64::from(*rows) <= MOST_ROWS);
        match (rows, self.count) {
            (None, _) => Err(invalid(format!("has {first} rows, at most {MOST_ROWS} are taken"))),
            (Some(0), _) => Err(invalid("has no rows".to_owned())),
            (Some(rows), Some(count)) if rows != count => {
                Err(invalid(format!("has {rows} rows, the input before it {count}")))
            }
            (rows, _) => {
                self.count = rows;
                Ok(())
            }
        }
    }
}

/// Compares the bytes with what the shape takes.
fn check_bytes(input: &InferInput) -> Result<(), RequestError> {
    let InferInput { name, datatype, shape, data } = input;
    let invalid = |cause: String| RequestError::Invalid(format!("input '{name}' {cause}"));
    let elements =
        elements(shape).ok_or_else(|| invalid(format!("has shape {shape:?}, which overflows")))?;
    let Datatype::Numbers(dtype) = datatype else { return Ok(()) };
    let expected = elements.checked_mul(dtype.size() as u64);
    if expected != Some(data.len() as u64) {
        let expected = expected.map_or("more than there can be".to_owned(), |n| n.to_string());
        return Err(invalid(format!(
            "has {} bytes, expected {expected} for {datatype} of shape {shape:?}",
            data.len()
        )));
    }
    if *dtype == Dtype::Bool && data.iter().any(|byte| *byte > 1) {
        return Err(invalid("has a BOOL that is neither 0 nor 1".to_owned()));
    }
    Ok(())
}

fn elements(shape: &[u64]) -> Option<u64> {
    shape.iter().try_fold(1u64, |product, dim| product.checked_mul(*dim))
}

fn row_tensor(input: InferInput, rows: &mut Option<Rows>) -> Result<RowTensor, RequestError> {
    let name = &input.name;
    let invalid = |cause: &str| RequestError::Invalid(format!("input '{name}' {cause}"));
    let Datatype::Numbers(dtype) = input.datatype else {
        return Err(invalid("is a tensor, which BYTES are not"));
    };
    let dims = match rows {
        Some(rows) => {
            rows.take(&input)?;
            input.shape.get(1..).unwrap_or_default()
        }
        None => &input.shape,
    };
    let shape = Shape::new(dims).filter(|shape| shape.rank() < crate::tensor::MAX_RANK);
    let shape = shape.ok_or_else(|| invalid("has too many dimensions"))?;
    Ok(RowTensor { row: TensorMeta { dtype, shape }, data: input.data })
}

/// The value of an argument that is no tensor: one for all rows.
fn value(input: &InferInput, kind: &ArgumentKind) -> Result<Value, String> {
    let wrong =
        |expected: &str| format!("is {}, expected {expected} for {kind}", input.datatype.name());
    match kind {
        ArgumentKind::Str => {
            if input.datatype != Datatype::Bytes {
                return Err(wrong("BYTES"));
            }
            let count = elements(&input.shape).unwrap_or(0);
            the_same(read_texts(&input.data, count)?).map(Value::Str)
        }
        ArgumentKind::Bool => match input.datatype {
            Datatype::Numbers(Dtype::Bool) => {
                the_same(input.data.to_vec()).map(|byte| Value::Bool(byte != 0))
            }
            _ => Err(wrong("BOOL")),
        },
        ArgumentKind::Int | ArgumentKind::Ints => {
            let ints = integers(input).ok_or_else(|| wrong("an integer datatype"))?;
            match kind {
                ArgumentKind::Int => the_same(ints).map(Value::Int),
                _ => Ok(Value::Ints(ints)),
            }
        }
        _ => {
            let floats = floats(input).ok_or_else(|| wrong("a number's datatype"))?;
            match kind {
                ArgumentKind::Float => the_same(floats).map(Value::Float),
                _ => Ok(Value::Floats(floats)),
            }
        }
    }
}

/// The one value that all elements are.
fn the_same<T: PartialEq>(values: Vec<T>) -> Result<T, String> {
    let mut values = values.into_iter();
    let first = values.next().ok_or("is empty, expected one value")?;
    match values.all(|value| value == first) {
        true => Ok(first),
        false => Err("has different values, but is one for all rows".to_owned()),
    }
}

fn integers(input: &InferInput) -> Option<Vec<i64>> {
    let data = &input.data;
    let Datatype::Numbers(dtype) = input.datatype else { return None };
    Some(match dtype {
        Dtype::Uint8 => data.iter().map(|byte| i64::from(*byte)).collect(),
        Dtype::Int8 => data.iter().map(|byte| i64::from(byte.cast_signed())).collect(),
        Dtype::Int16 => chunks(data).map(|bytes| i64::from(i16::from_le_bytes(bytes))).collect(),
        Dtype::Int32 => chunks(data).map(|bytes| i64::from(i32::from_le_bytes(bytes))).collect(),
        Dtype::Int64 => chunks(data).map(i64::from_le_bytes).collect(),
        _ => return None,
    })
}

fn floats(input: &InferInput) -> Option<Vec<f64>> {
    let data = &input.data;
    let Datatype::Numbers(dtype) = input.datatype else { return None };
    Some(match dtype {
        Dtype::Float16 => {
            chunks(data).map(|bytes| half::f16::from_le_bytes(bytes).to_f64()).collect()
        }
        Dtype::Bfloat16 => {
            chunks(data).map(|bytes| half::bf16::from_le_bytes(bytes).to_f64()).collect()
        }
        Dtype::Float32 => chunks(data).map(|bytes| f64::from(f32::from_le_bytes(bytes))).collect(),
        Dtype::Float64 => chunks(data).map(f64::from_le_bytes).collect(),
        _ => integers(input)?.into_iter().map(|int| int as f64).collect(),
    })
}

fn chunks<const N: usize>(data: &[u8]) -> impl Iterator<Item = [u8; N]> + '_ {
    data.as_chunks().0.iter().copied()
}
