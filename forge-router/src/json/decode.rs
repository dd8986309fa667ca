//! The body of a predict request: which of its members are ours.

use std::fmt;

use super::cursor::{Cursor, Text, kind_of};
use super::error::DecodeError;
use super::field::Field;
use super::reshape::{Room, read_shape, reshape};
use super::skip::{DEEPEST, skip_value};
use super::tensor::Label;
use super::value::{read_value, take_null};
use crate::tensor::{ArgumentKind, Dtype, MAX_TENSORS, Shape, Value};

const START: Start = Start {
    expected: "an object such as {\"input\": [1.0, 2.0]}",
    malformed: "expected an object such as {\"input\": [1.0, 2.0]}",
};

/// What a body is decoded with.
pub struct DecodeOptions<'a> {
    pub limits: Limits,
    pub declared: &'a dyn Declared,
    pub budget: &'a mut dyn Budget,
}

/// How much a body may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Levels of arrays and objects within ignored values, at most 128.
    pub max_depth: usize,
    /// Elements of one tensor.
    pub max_elements: usize,
    /// Bytes of a tensor that is one number and a shape: a few letters of body ask for it.
    pub max_filled_bytes: u64,
}

/// What the model's configuration says of its inputs.
pub trait Declared {
    /// What the argument `name` takes, and whether it may be null: a tensor, where nothing else is
    /// known.
    fn argument(&self, _name: &str) -> (ArgumentKind, bool) {
        (ArgumentKind::Tensor, false)
    }

    /// Whether nothing takes an input of that name. It is then read over, for the model to refuse.
    fn is_unknown(&self, _name: &str) -> bool {
        false
    }

    /// Whether the model has an argument of that name, which then has no place beside `inputs`.
    fn has_argument(&self, _name: &str) -> bool {
        false
    }

    /// The dtype of an input; `None` as the name is the one of `input`.
    fn dtype(&self, name: Option<&str>) -> Option<Dtype>;
}

/// Where memory is asked for before it is allocated.
pub trait Budget {
    /// Takes `bytes` more; `false` refuses them. At least the bytes of all tensors are taken.
    fn reserve(&mut self, bytes: usize) -> bool;
}

/// A body that was understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// In the body's order, each with its name if it has one.
    pub inputs: Vec<(Option<String>, DecodedInput)>,
    pub form: Form,
}

/// What one input was given.
#[derive(Clone, Debug, PartialEq)]
pub enum DecodedInput {
    Tensor(DecodedTensor),
    Tensors(Vec<DecodedTensor>),
    Value(Value),
}

/// How the inputs were given, which is how the outputs are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As `input`.
    Single,
    /// As `inputs`.
    Named,
}

/// One tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct DecodedTensor {
    pub dtype: Dtype,
    /// Of one row: without a batch dimension.
    pub shape: Shape,
    /// The elements, little-endian, last dimension fastest.
    pub data: Vec<u8>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_depth: DEEPEST, max_elements: usize::MAX, max_filled_bytes: u64::MAX }
    }
}

/// Reads `{"input": …, "dtype": …}` or `{"inputs": {name: …}}`, where a tensor is an array or
/// `{"data": …, "dtype": …, "shape": …}`.
///
/// Other members are checked to be JSON and ignored. A tensor's dtype is the given one, else the
/// declared one, else float32.
///
/// # Errors
/// All of [`DecodeError`]; the first one in the order of the body, but for a number that the dtype
/// cannot hold, which is known only once the dtype is.
pub fn decode(body: &[u8], mut options: DecodeOptions<'_>) -> Result<Decoded, DecodeError> {
    let mut cursor = Cursor::new(body);
    check_start(&mut cursor, START)?;
    let mut single = Field::new(Label::Sole);
    let mut named = None;
    cursor.members(|cursor, key| {
        if key.is("input") {
            single.read_data(cursor, key, &mut options)
        } else if key.is("dtype") {
            single.read_dtype(cursor, key)
        } else if key.is("inputs") {
            if named.is_some() {
                return Err(key.twice());
            }
            named = Some(read_inputs(cursor, &mut options)?);
            Ok(())
        } else if key.plain().is_some_and(|name| options.declared.has_argument(name)) {
            Err(DecodeError::Misplaced { at: key.at, key: key.quoted() })
        } else {
            skip_value(cursor, options.limits.max_depth)
        }
    })?;
    cursor.end()?;
    let Some(inputs) = named else {
        let tensor = single.finish(body, &mut options)?.ok_or_else(missing_input)?;
        let inputs = vec![(None, DecodedInput::Tensor(tensor))];
        return Ok(Decoded { inputs, form: Form::Single });
    };
    if single.has_data() {
        return Err(DecodeError::Conflict("the body has both \"input\" and \"inputs\": give one"));
    }
    if single.has_dtype() {
        return Err(DecodeError::Conflict(
            "\"dtype\" beside \"inputs\" says nothing: give an input its own, as \
             {\"data\": …, \"dtype\": …}",
        ));
    }
    Ok(Decoded { inputs, form: Form::Named })
}

/// The object that a body is to be, in the words of two messages.
#[derive(Clone, Copy)]
pub(super) struct Start {
    pub(super) expected: &'static str,
    pub(super) malformed: &'static str,
}

/// Checks that an object begins the body, to say what is wrong in the usual other cases.
pub(super) fn check_start(cursor: &mut Cursor<'_>, start: Start) -> Result<(), DecodeError> {
    const MARKS: [&[u8]; 3] = [b"\xEF\xBB\xBF", b"\xFE\xFF", b"\xFF\xFE"];
    if MARKS.iter().any(|mark| cursor.body.starts_with(mark)) {
        return Err(cursor.malformed("a byte order mark: send UTF-8 without one"));
    }
    let at = cursor.at;
    match cursor.peek() {
        None => Err(DecodeError::Malformed { at, what: "the body is empty" }),
        Some(b'{') => Ok(()),
        Some(byte) => Err(match kind_of(byte) {
            Some(found) => {
                let (at, place) = (cursor.at, "the body".to_owned());
                DecodeError::WrongType { at, place, found, expected: start.expected }
            }
            None => cursor.malformed(start.malformed),
        }),
    }
}

/// What messages call the member.
const INPUTS: &str = "\"inputs\"";

type NamedInputs = Vec<(Option<String>, DecodedInput)>;

pub(super) fn read_inputs(
    cursor: &mut Cursor<'_>,
    options: &mut DecodeOptions<'_>,
) -> Result<NamedInputs, DecodeError> {
    let at = cursor.at;
    match cursor.peek() {
        Some(b'{') => {}
        other => {
            let found = other.and_then(kind_of);
            let found = found.ok_or_else(|| cursor.malformed("expected an object"))?;
            let expected = "an object of named inputs";
            let place = INPUTS.to_owned();
            return Err(DecodeError::WrongType { at, place, found, expected });
        }
    }
    let mut inputs = NamedInputs::new();
    cursor.members(|cursor, key| {
        let name = key.decoded("the name of an input")?;
        if inputs.iter().any(|(other, _)| other.as_deref() == Some(&*name)) {
            return Err(key.twice());
        }
        check_count(inputs.len(), key)?;
        let input = read_named(cursor, Some(key), &name, options)?;
        inputs.push((Some(name.into_owned()), input));
        Ok(())
    })?;
    if inputs.is_empty() {
        return Err(DecodeError::MissingInput("\"inputs\" has no members".to_owned()));
    }
    Ok(inputs)
}

/// Refuses one input more than there may be.
pub(super) fn check_count(inputs: usize, key: Text<'_>) -> Result<(), DecodeError> {
    if inputs < MAX_TENSORS {
        return Ok(());
    }
    let (at, place, limit) = (key.at, INPUTS.to_owned(), MAX_TENSORS);
    Err(DecodeError::TooMany { at, place, limit, what: "members" })
}

/// Reads what the argument of that name takes. It has no key where others of its kind follow.
pub(super) fn read_named(
    cursor: &mut Cursor<'_>,
    key: Option<Text<'_>>,
    name: &str,
    options: &mut DecodeOptions<'_>,
) -> Result<DecodedInput, DecodeError> {
    if options.declared.is_unknown(name) {
        skip_value(cursor, options.limits.max_depth)?;
        return Ok(DecodedInput::Value(Value::None));
    }
    let (kind, is_optional) = options.declared.argument(name);
    if is_optional && take_null(cursor) {
        return Ok(DecodedInput::Value(Value::None));
    }
    match kind {
        ArgumentKind::Tensor | ArgumentKind::Other(_) => {
            read_tensor(cursor, key, name, options).map(DecodedInput::Tensor)
        }
        ArgumentKind::Tensors => read_tensors(cursor, name, options).map(DecodedInput::Tensors),
        kind => read_value(cursor, &kind, &Label::Named(name)).map(DecodedInput::Value),
    }
}

fn read_tensors(
    cursor: &mut Cursor<'_>,
    name: &str,
    options: &mut DecodeOptions<'_>,
) -> Result<Vec<DecodedTensor>, DecodeError> {
    let at = cursor.at;
    if cursor.peek() != Some(b'[') {
        return Err(cursor.wrong_type(Label::Named(name).to_string(), "an array of tensors"));
    }
    cursor.at += 1;
    let mut tensors = Vec::new();
    if cursor.take(b']') {
        return Ok(tensors);
    }
    loop {
        if tensors.len() == MAX_TENSORS {
            let (place, limit) = (Label::Named(name).to_string(), MAX_TENSORS);
            return Err(DecodeError::TooMany { at, place, limit, what: "tensors" });
        }
        cursor.peek();
        tensors.push(read_tensor(cursor, None, name, options)?);
        if cursor.take(b']') {
            return Ok(tensors);
        }
        cursor.expect(b',', "expected , or ] after an element of an array")?;
    }
}

/// Reads a tensor, or an object of one, its dtype and its shape. It has no key in an array.
fn read_tensor(
    cursor: &mut Cursor<'_>,
    key: Option<Text<'_>>,
    name: &str,
    options: &mut DecodeOptions<'_>,
) -> Result<DecodedTensor, DecodeError> {
    let mut field = Field::new(Label::Named(name));
    let mut shape = None;
    if cursor.peek() == Some(b'{') {
        cursor.members(|cursor, key| {
            if key.is("data") {
                field.read_data(cursor, key, options)
            } else if key.is("dtype") {
                field.read_dtype(cursor, key)
            } else if key.is_plainly("shape") {
                if shape.is_some() {
                    return Err(key.twice());
                }
                shape = Some(read_shape(cursor, name)?);
                Ok(())
            } else {
                skip_value(cursor, options.limits.max_depth)
            }
        })?;
    } else if let Some(key) = key {
        field.read_data(cursor, key, options)?;
    } else {
        field.read_element(cursor, options)?;
    }
    let tensor = field.finish(cursor.body, options)?;
    let tensor = tensor.ok_or_else(|| {
        DecodeError::MissingInput(format!("{} has no \"data\"", Label::Named(name)))
    })?;
    match shape {
        None => Ok(tensor),
        Some(shape) => {
            let most = options.limits.max_filled_bytes;
            reshape(tensor, shape, name, &mut Room { most, budget: options.budget })
        }
    }
}

fn missing_input() -> DecodeError {
    let what = "the body has neither \"input\" nor \"inputs\"";
    DecodeError::MissingInput(what.to_owned())
}

impl fmt::Debug for DecodeOptions<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("DecodeOptions")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
