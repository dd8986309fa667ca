//! From the bytes of a `ModelInferRequest` to a request.
//!
//! Read by hand, because generated code allocates what a message says and only then can be asked how
//! much: two bytes of a client's are an empty input of two hundred. Here memory is reserved before it
//! is allocated, and raw tensors are parts of the message, in the pieces in
//! which it came.

use bytes::Bytes;

use super::contents;
use crate::grpc::wire::{Field, Fields, FieldsInPieces, Value, WireError};
use crate::memory_budget::Reservation;
use crate::pieces::Pieces;
use crate::request::RequestError;
use crate::tensor::MAX_RANK;
use crate::v2::{Datatype, InferInput, InferRequest, Parameters, RequestedOutput};

/// Fields of a request itself: far more than tensors and parameters can make.
const MOST_FIELDS: usize = 16 * 1024;

/// Of names, ids and datatypes; each is copied.
const LONGEST_TEXT: usize = 4 * 1024;

/// The field of raw tensors.
const RAW: u32 = 7;

/// With the rows.
const MOST_DIMS: usize = MAX_RANK + 1;

/// What has to be known of a request before it is decoded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Head {
    pub model: String,
    /// Empty where the client leaves the choice.
    pub version: String,
    pub id: String,
    /// How many bytes have to be read to decode the rest: all but raw tensors, which are only cut out.
    pub read: usize,
}

/// Reads the head alone.
///
/// # Errors
/// [`RequestError::Invalid`] where the bytes are no message.
pub fn head(message: &Pieces) -> Result<Head, RequestError> {
    let mut head = Head::default();
    for field in fields_in_pieces(message) {
        let (number, value) = field?;
        match number {
            1 => head.model = text_in_pieces(number, value)?,
            2 => head.version = text_in_pieces(number, value)?,
            3 => head.id = text_in_pieces(number, value)?,
            RAW => {}
            _ => head.read += value.map_or(0, |value| value.len()),
        }
    }
    Ok(head)
}

/// Reads the whole request. `memory` comes to hold what its tensors take, beside what it holds.
///
/// # Errors
/// [`RequestError::Invalid`] for what a client did wrong, [`RequestError::MemoryFull`].
pub fn decode(message: &Pieces, memory: &mut Reservation) -> Result<InferRequest, RequestError> {
    let mut request = InferRequest::default();
    let (mut inputs, mut raw) = (Vec::new(), Vec::new());
    for field in fields_in_pieces(message) {
        let (number, value) = field?;
        match number {
            3 => request.id = text_in_pieces(number, value)?,
            4 => parameter(&whole(number, value, memory)?, &mut request.parameters)?,
            5 => inputs.push(whole(number, value, memory)?),
            6 => request.outputs.push(output(&whole(number, value, memory)?)?),
            RAW => raw.push(value.ok_or(WireError::Type(number))?),
            _ => {}
        }
    }
    let inputs = inputs.iter().map(|input| Tensor::read(input)).collect::<Result<_, _>>()?;
    request.inputs = with_contents(inputs, &raw, memory)?;
    Ok(request)
}

/// The fields of a whole request, of which there are not too many.
fn fields_in_pieces(
    message: &Pieces,
) -> impl Iterator<Item = Result<(u32, Option<Pieces>), RequestError>> {
    let fields = FieldsInPieces(message.clone()).take(MOST_FIELDS + 1).enumerate();
    fields.map(|(index, field)| match index {
        MOST_FIELDS => Err(too_many_fields()),
        _ => Ok(field?),
    })
}

/// A field in one piece: what is copied for it is reserved.
fn whole(
    number: u32,
    value: Option<Pieces>,
    memory: &mut Reservation,
) -> Result<Bytes, RequestError> {
    let value = value.ok_or(WireError::Type(number))?;
    if value.iter().count() > 1 && !memory.grow(value.len()) {
        return Err(RequestError::MemoryFull { limit: memory.limit() });
    }
    Ok(value.whole())
}

fn text_in_pieces(number: u32, value: Option<Pieces>) -> Result<String, RequestError> {
    let value = value.ok_or(WireError::Type(number))?;
    // What is longer is refused: it need not be copied for that.
    let bytes = value.slice(0..LONGEST_TEXT + 1).whole();
    text(&Field { number, value: Value::Bytes(&bytes) })
}

/// The fields of a message in a request, of which there are not too many.
fn fields(
    message: &[u8],
) -> Result<impl Iterator<Item = Result<Field<'_>, WireError>>, RequestError> {
    if Fields(message).nth(MOST_FIELDS).is_some() {
        return Err(too_many_fields());
    }
    Ok(Fields(message))
}

fn too_many_fields() -> RequestError {
    invalid(format!("the message has more than {MOST_FIELDS} fields"))
}

/// An input whose elements lie in the message.
struct Tensor<'a> {
    name: String,
    datatype: Datatype,
    shape: Vec<u64>,
    /// Typed.
    contents: Option<&'a [u8]>,
}

impl<'a> Tensor<'a> {
    fn read(message: &'a [u8]) -> Result<Self, RequestError> {
        let (mut name, mut datatype, mut contents) = (String::new(), String::new(), None);
        let mut shape = Vec::new();
        for field in fields(message)? {
            let field = field?;
            match field.number {
                1 => name = text(&field)?,
                2 => datatype = text(&field)?,
                3 => dims(&field, &mut shape)?,
                4 => refuse_shared_memory(field.bytes()?)?,
                5 if contents.is_some() => {
                    return Err(invalid(format!("input '{name}' has contents twice")));
                }
                5 => contents = Some(field.bytes()?),
                _ => {}
            }
        }
        let named = |cause: String| invalid(format!("input '{name}': {cause}"));
        let datatype = Datatype::named(&datatype).map_err(named)?;
        Ok(Self { name, datatype, shape, contents })
    }

    fn with(self, data: Pieces) -> InferInput {
        let Self { name, datatype, shape, .. } = self;
        InferInput { name, datatype, shape, data }
    }
}

/// The inputs with their elements: all raw or all typed.
fn with_contents(
    inputs: Vec<Tensor<'_>>,
    raw: &[Pieces],
    memory: &mut Reservation,
) -> Result<Vec<InferInput>, RequestError> {
    if raw.is_empty() {
        let typed = |input: Tensor<'_>| {
            let data = contents::read(input.datatype, input.contents.unwrap_or_default(), memory);
            let data = data.map_err(|error| match error {
                RequestError::Invalid(cause) => invalid(format!("input '{}': {cause}", input.name)),
                error => error,
            })?;
            Ok(input.with(data.into()))
        };
        return inputs.into_iter().map(typed).collect();
    }
    if let Some(input) = inputs.iter().find(|input| input.contents.is_some()) {
        return Err(invalid(format!(
            "input '{}' has contents, but the request has raw_input_contents: give one of the two",
            input.name
        )));
    }
    if inputs.len() != raw.len() {
        let (inputs, raw) = (inputs.len(), raw.len());
        return Err(invalid(format!("{inputs} inputs, but {raw} raw_input_contents")));
    }
    Ok(inputs.into_iter().zip(raw).map(|(input, raw)| input.with(raw.clone())).collect())
}

fn dims(field: &Field<'_>, shape: &mut Vec<u64>) -> Result<(), RequestError> {
    for dim in field.varints()? {
        // Negative ones are the large half of the varint.
        let dim = i64::try_from(dim?).map_err(|_| invalid("a dimension is negative".to_owned()))?;
        if shape.len() == MOST_DIMS {
            return Err(invalid(format!("a shape has more than {MOST_DIMS} dimensions")));
        }
        shape.push(dim.unsigned_abs());
    }
    Ok(())
}

fn output(message: &[u8]) -> Result<RequestedOutput, RequestError> {
    let mut output = RequestedOutput::default();
    for field in fields(message)? {
        let field = field?;
        match field.number {
            1 => output.name = text(&field)?,
            2 => {
                let entry = field.bytes()?;
                refuse_shared_memory(entry)?;
                let (key, value) = key_and_value(entry)?;
                if key == "classification" {
                    output.classes = whole_number(key, value)?;
                }
            }
            _ => {}
        }
    }
    Ok(output)
}

/// Heeds a parameter of the request, or ignores it.
fn parameter(entry: &[u8], into: &mut Parameters) -> Result<(), RequestError> {
    let (key, value) = key_and_value(entry)?;
    match key {
        "priority" => into.priority = whole_number(key, value)?,
        "timeout" => into.timeout = whole_number(key, value)?,
        _ if key.starts_with("triton_") => {
            return Err(invalid(format!(
                "the parameter '{key}' is not taken: those that begin with 'triton_' are reserved"
            )));
        }
        _ => {}
    }
    Ok(())
}

/// The value of a parameter that is a whole number, `int64_param` or `uint64_param`.
fn whole_number(key: &str, parameter: &[u8]) -> Result<u64, RequestError> {
    match Fields(parameter).last().transpose()? {
        Some(Field { number: 2, value: Value::Varint(number) }) => {
            let number = i64::try_from(number).map(i64::unsigned_abs);
            number.map_err(|_| invalid(format!("the parameter '{key}' is negative")))
        }
        Some(Field { number: 5, value: Value::Varint(number) }) => Ok(number),
        _ => Err(invalid(format!("the parameter '{key}' is no whole number"))),
    }
}

fn refuse_shared_memory(entry: &[u8]) -> Result<(), RequestError> {
    match key_and_value(entry)?.0.starts_with("shared_memory_") {
        true => Err(invalid("shared memory is not offered over gRPC".to_owned())),
        false => Ok(()),
    }
}

/// An entry of a map.
fn key_and_value(entry: &[u8]) -> Result<(&str, &[u8]), RequestError> {
    let (mut key, mut value) = ("", &[][..]);
    for field in fields(entry)? {
        let field = field?;
        match field.number {
            1 => key = field.text()?,
            2 => value = field.bytes()?,
            _ => {}
        }
    }
    Ok((key, value))
}

fn text(field: &Field<'_>) -> Result<String, RequestError> {
    let text = field.text()?;
    if text.len() > LONGEST_TEXT {
        let (length, number) = (text.len(), field.number);
        return Err(invalid(format!(
            "field {number} has a text of {length} bytes, at most {LONGEST_TEXT} are taken"
        )));
    }
    Ok(text.to_owned())
}

pub(super) fn invalid(cause: String) -> RequestError {
    RequestError::Invalid(cause)
}

impl From<WireError> for RequestError {
    fn from(error: WireError) -> Self {
        Self::Invalid(error.to_string())
    }
}

#[cfg(test)]
mod tests;
