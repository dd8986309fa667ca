//! The JSON of an inference request of the Open Inference Protocol, V2.

use std::fmt;

use super::cursor::{Cursor, Text};
use super::decode::{Budget, Start, check_start};
use super::error::{DecodeError, excerpt};
use super::infer_data::{read_numbers, read_texts};
use super::skip::{DEEPEST, skip_value};
use super::tensor::Label;
use super::value::{read_value, take_null};
use crate::tensor::{ArgumentKind, MAX_TENSORS, Value};
use crate::v2::{Datatype, InferHead, InferInput, Parameters, RequestedOutput};

const START: Start = Start {
    expected: "an object such as {\"inputs\": […]}",
    malformed: "expected an object such as {\"inputs\": […]}; where tensors follow as bytes, the \
                header Inference-Header-Content-Length says how long the JSON is",
};

/// Reads `{"id", "parameters", "inputs": [{"name", "datatype", "shape", "data"}], "outputs"}`, where
/// `data` is nested or flat. The elements go straight into little-endian bytes; what of them follows
/// the JSON as bytes is only announced. Members that are not known are checked to be JSON and ignored.
///
/// # Errors
/// The first one in the order of the body.
pub fn decode_infer(body: &[u8], budget: &mut dyn Budget) -> Result<InferHead, DecodeError> {
    let mut cursor = Cursor::new(body);
    check_start(&mut cursor, START)?;
    let (mut id, mut parameters, mut inputs, mut outputs) = (None, None, None, None);
    cursor.members(|cursor, key| {
        if key.is("id") {
            key.once(&id)?;
            id = Some(optional(cursor, |cursor| read_string(cursor, &key.quoted()))?);
        } else if key.is("parameters") {
            key.once(&parameters)?;
            parameters = Some(optional(cursor, read_request_parameters)?);
        } else if key.is("inputs") {
            key.once(&inputs)?;
            inputs = Some(read_list(cursor, key, |cursor| read_input(cursor, budget))?);
        } else if key.is("outputs") {
            key.once(&outputs)?;
            outputs = Some(optional(cursor, |cursor| read_list(cursor, key, read_output))?);
        } else {
            skip_value(cursor, DEEPEST)?;
        }
        Ok(())
    })?;
    cursor.end()?;
    let missing = || DecodeError::MissingInput("the body has no \"inputs\"".to_owned());
    let (inputs, binary) = inputs.ok_or_else(missing)?.into_iter().unzip();
    let mut head = InferHead { binary, ..InferHead::default() };
    head.request.id = id.flatten().unwrap_or_default();
    head.request.parameters = parameters.flatten().unwrap_or_default();
    head.request.inputs = inputs;
    head.request.outputs = outputs.flatten().unwrap_or_default();
    Ok(head)
}

/// What `read` reads; `null` says as much as leaving it out.
fn optional<T>(
    cursor: &mut Cursor<'_>,
    read: impl FnOnce(&mut Cursor<'_>) -> Result<T, DecodeError>,
) -> Result<Option<T>, DecodeError> {
    if take_null(cursor) { Ok(None) } else { read(cursor).map(Some) }
}

fn read_list<T>(
    cursor: &mut Cursor<'_>,
    key: Text<'_>,
    mut item: impl FnMut(&mut Cursor<'_>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let mut items = Vec::new();
    if cursor.peek() != Some(b'[') {
        return Err(cursor.wrong_type(key.quoted(), "an array of objects"));
    }
    cursor.at += 1;
    if cursor.take(b']') {
        return Ok(items);
    }
    loop {
        if items.len() == MAX_TENSORS {
            let (at, place, limit) = (cursor.at, key.quoted(), MAX_TENSORS);
            return Err(DecodeError::TooMany { at, place, limit, what: "items" });
        }
        if cursor.peek() != Some(b'{') {
            let place = format!("an item of {}", key.quoted());
            return Err(cursor.wrong_type(place, "an object"));
        }
        items.push(item(cursor)?);
        if cursor.take(b']') {
            return Ok(items);
        }
        cursor.expect(b',', "expected , or ] after an element of an array")?;
    }
}

/// What was found so far of an input.
#[derive(Default)]
struct Found {
    name: Option<String>,
    datatype: Option<Datatype>,
    shape: Option<Vec<u64>>,
    /// The bytes that follow the JSON.
    binary: Option<u64>,
    data: Option<Data>,
}

enum Data {
    Read(Elements),
    /// Where it stands: its datatype comes after it.
    At(usize),
}

/// The elements of a tensor and how many there are.
pub(super) struct Elements {
    pub(super) bytes: Vec<u8>,
    pub(super) count: u64,
}

impl Found {
    fn label(&self) -> Label<'_> {
        self.name.as_deref().map_or(Label::Sole, Label::Named)
    }
}

/// The input at the cursor, and how many bytes of it follow the JSON.
fn read_input(
    cursor: &mut Cursor<'_>,
    budget: &mut dyn Budget,
) -> Result<(InferInput, Option<u64>), DecodeError> {
    let mut found = Found::default();
    cursor.members(|cursor, key| {
        if key.is("name") {
            key.once(&found.name)?;
            found.name = Some(read_string(cursor, "the name of an input")?);
        } else if key.is("datatype") {
            key.once(&found.datatype)?;
            found.datatype = Some(read_datatype(cursor, found.label())?);
        } else if key.is("shape") {
            key.once(&found.shape)?;
            found.shape = Some(read_shape(cursor, found.label())?);
        } else if key.is("parameters") {
            let label = found.label().to_string();
            let read = |cursor: &mut Cursor<'_>| read_input_parameters(cursor, &label);
            found.binary = optional(cursor, read)?.flatten();
        } else if key.is("data") {
            key.once(&found.data)?;
            found.data = Some(match found.datatype {
                Some(datatype) => {
                    Data::Read(read_elements(cursor, found.label(), datatype, budget)?)
                }
                None => {
                    let at = cursor.at;
                    skip_value(cursor, DEEPEST)?;
                    Data::At(at)
                }
            });
        } else {
            skip_value(cursor, DEEPEST)?;
        }
        Ok(())
    })?;
    complete(found, cursor.body, budget)
}

fn complete(
    found: Found,
    body: &[u8],
    budget: &mut dyn Budget,
) -> Result<(InferInput, Option<u64>), DecodeError> {
    let label = found.label().to_string();
    let missing = |what: &str| DecodeError::MissingInput(format!("{label} has no {what}"));
    let datatype = found.datatype.ok_or_else(|| missing("\"datatype\""))?;
    let Some(shape) = found.shape.clone() else { return Err(missing("\"shape\"")) };
    let elements = match (&found.data, found.binary) {
        (Some(_), Some(_)) => {
            return Err(DecodeError::Conflict(
                "an input has both \"data\" and \"binary_data_size\": give one",
            ));
        }
        (None, None) => return Err(missing("\"data\" and no \"binary_data_size\"")),
        (None, Some(_)) => None,
        (Some(Data::At(at)), None) => {
            let mut cursor = Cursor { body, at: *at };
            Some(read_elements(&mut cursor, found.label(), datatype, budget)?)
        }
        (Some(Data::Read(_)), None) => match found.data {
            Some(Data::Read(elements)) => Some(elements),
            _ => None,
        },
    };
    let name = found.name.ok_or_else(|| missing("\"name\""))?;
    let data = match elements {
        None => Vec::new(),
        Some(Elements { bytes, count }) => {
            let expected = shape.iter().try_fold(1u64, |product, dim| product.checked_mul(*dim));
            if expected != Some(count) {
                let shape = format!("{shape:?}");
                return Err(DecodeError::WrongCount { input: label, count, shape, expected });
            }
            bytes
        }
    };
    Ok((InferInput { name, datatype, shape, data: data.into() }, found.binary))
}

fn read_elements(
    cursor: &mut Cursor<'_>,
    label: Label<'_>,
    datatype: Datatype,
    budget: &mut dyn Budget,
) -> Result<Elements, DecodeError> {
    match datatype {
        Datatype::Numbers(dtype) => read_numbers(cursor, label, dtype, budget),
        Datatype::Bytes => read_texts(cursor, label, budget),
    }
}

fn read_datatype(cursor: &mut Cursor<'_>, label: Label<'_>) -> Result<Datatype, DecodeError> {
    cursor.peek();
    let at = cursor.at;
    let name = read_string(cursor, &format!("the datatype of {label}"))?;
    Datatype::named(&excerpt(&name)).map_err(|told| DecodeError::UnknownDatatype { at, told })
}

fn read_shape(cursor: &mut Cursor<'_>, label: Label<'_>) -> Result<Vec<u64>, DecodeError> {
    cursor.peek();
    let at = cursor.at;
    let place = format!("the shape of {label}");
    let Value::Ints(dims) = read_value(cursor, &ArgumentKind::Ints, &place)? else {
        return Err(cursor.malformed("expected an array of integers"));
    };
    let dim = |dim: i64| {
        u64::try_from(dim).map_err(|_| DecodeError::WrongValue {
            at,
            place: place.clone(),
            literal: dim.to_string(),
            expected: "dimensions of 0 or more",
        })
    };
    dims.into_iter().map(dim).collect()
}

fn read_request_parameters(cursor: &mut Cursor<'_>) -> Result<Parameters, DecodeError> {
    let mut parameters = Parameters::default();
    cursor.members(|cursor, key| {
        if key.is("priority") {
            parameters.priority = read_count(cursor, &key.quoted())?;
        } else if key.is("timeout") {
            parameters.timeout = read_count(cursor, &key.quoted())?;
        } else if key.is("binary_data_output") {
            parameters.binary_data_output = read_bool(cursor, &key.quoted())?;
        } else if key.decoded("the name of a parameter")?.starts_with("triton_") {
            // As Triton does: it hands them on under such names itself.
            return Err(DecodeError::Reserved { at: key.at, key: key.quoted() });
        } else {
            skip_value(cursor, DEEPEST)?;
        }
        Ok(())
    })?;
    Ok(parameters)
}

/// How many bytes of the input follow the JSON.
fn read_input_parameters(cursor: &mut Cursor<'_>, label: &str) -> Result<Option<u64>, DecodeError> {
    let mut binary = None;
    cursor.members(|cursor, key| {
        if key.is("binary_data_size") {
            binary = Some(read_count(cursor, &format!("\"binary_data_size\" of {label}"))?);
            return Ok(());
        }
        refuse_shared_memory(key)?;
        skip_value(cursor, DEEPEST)
    })?;
    Ok(binary)
}

fn read_output(cursor: &mut Cursor<'_>) -> Result<RequestedOutput, DecodeError> {
    let (mut name, mut output) = (None, RequestedOutput::default());
    cursor.members(|cursor, key| {
        if key.is("name") {
            key.once(&name)?;
            name = Some(read_string(cursor, "the name of an output")?);
            Ok(())
        } else if key.is("parameters") {
            optional(cursor, |cursor| read_output_parameters(cursor, &mut output)).map(drop)
        } else {
            skip_value(cursor, DEEPEST)
        }
    })?;
    let missing = || DecodeError::MissingInput("an item of \"outputs\" has no \"name\"".to_owned());
    output.name = name.ok_or_else(missing)?;
    Ok(output)
}

fn read_output_parameters(
    cursor: &mut Cursor<'_>,
    output: &mut RequestedOutput,
) -> Result<(), DecodeError> {
    cursor.members(|cursor, key| {
        if key.is("binary_data") {
            output.binary = Some(read_bool(cursor, &key.quoted())?);
        } else if key.is("classification") {
            output.classes = read_count(cursor, &key.quoted())?;
        } else {
            refuse_shared_memory(key)?;
            skip_value(cursor, DEEPEST)?;
        }
        Ok(())
    })
}

fn refuse_shared_memory(key: Text<'_>) -> Result<(), DecodeError> {
    match key.is("shared_memory_region") {
        true => Err(DecodeError::NoSharedMemory { at: key.at }),
        false => Ok(()),
    }
}

fn read_string(cursor: &mut Cursor<'_>, place: &str) -> Result<String, DecodeError> {
    if cursor.peek() != Some(b'"') {
        return Err(cursor.wrong_type(place, "a string"));
    }
    Ok(cursor.string()?.decoded(place)?.into_owned())
}

fn read_bool(cursor: &mut Cursor<'_>, place: &str) -> Result<bool, DecodeError> {
    let value = read_value(cursor, &ArgumentKind::Bool, &place)?;
    Ok(value == Value::Bool(true))
}

/// A whole number that is not negative.
fn read_count(cursor: &mut Cursor<'_>, place: &dyn fmt::Display) -> Result<u64, DecodeError> {
    cursor.peek();
    let at = cursor.at;
    let expected = "a whole number of 0 or more";
    match read_value(cursor, &ArgumentKind::Int, place)? {
        Value::Int(value) => u64::try_from(value).map_err(|_| {
            let (place, literal) = (place.to_string(), value.to_string());
            DecodeError::WrongValue { at, place, literal, expected }
        }),
        _ => Err(cursor.wrong_type(place.to_string(), expected)),
    }
}
