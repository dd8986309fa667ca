//! Bodies of many rows: `instances`, a row each, and `inputs`, a column each.
//!
//! ```text
//! {"instances": [[1, 2], [3, 4]]}                      the sole input, row by row
//! {"instances": [{"x": [1, 2]}, {"x": [3, 4]}]}        inputs by name, row by row
//! {"inputs": [[1, 2], [3, 4]]}                         the sole input, whole
//! {"inputs": {"x": [[1, 2], [3, 4]]}}                  inputs by name, whole
//! ```
//!
//! Source: TensorFlow Serving's `docs/api_rest.md`, whose predict API KServe's V1 protocol is.

use memchr::memchr_iter;

use super::cursor::{Cursor, Text, kind_of};
use super::decode::{
    DecodeOptions, DecodedInput, DecodedTensor, Start, check_start, read_inputs, read_named,
};
use super::error::DecodeError;
use super::field::default_dtype;
use super::nest::MAX_DIMS;
use super::skip::{DEEPEST, skip_value};
use super::tensor::{Label, Wanted, read_tensor, text_end};
use crate::tensor::{Shape, TensorMeta};

const START: Start = Start {
    expected: "an object such as {\"instances\": [[1.0, 2.0]]}",
    malformed: "expected an object such as {\"instances\": [[1.0, 2.0]]}",
};

/// A body of many rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Instances {
    /// Each with its name if it has one. The first dimension of a tensor is the rows.
    pub inputs: Vec<(Option<String>, DecodedInput)>,
    pub layout: Layout,
}

/// How rows were given, which is how the outputs are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// As `instances`: a row after the other.
    Rows,
    /// As `inputs`: a column after the other.
    Columns,
}

/// Reads `{"instances": …}` or `{"inputs": …}`. Other members are checked to be JSON and ignored.
///
/// # Errors
/// As of [`super::decode()`].
pub fn decode_instances(
    body: &[u8],
    mut options: DecodeOptions<'_>,
) -> Result<Instances, DecodeError> {
    let mut cursor = Cursor::new(body);
    check_start(&mut cursor, START)?;
    let mut found: Option<Instances> = None;
    cursor.members(|cursor, key| {
        let layout = match (key.is("instances"), key.is("inputs")) {
            (true, _) => Layout::Rows,
            (_, true) => Layout::Columns,
            _ => return skip_value(cursor, options.limits.max_depth),
        };
        match &found {
            Some(other) if other.layout == layout => return Err(key.twice()),
            Some(_) => {
                let cause = "the body has both \"instances\" and \"inputs\": give one";
                return Err(DecodeError::Conflict(cause));
            }
            None => {}
        }
        let inputs = match layout {
            Layout::Rows => read_instances(cursor, &mut options)?,
            Layout::Columns => read_columns(cursor, &mut options)?,
        };
        found = Some(Instances { inputs, layout });
        Ok(())
    })?;
    cursor.end()?;
    found.ok_or_else(|| {
        DecodeError::MissingInput("the body has neither \"instances\" nor \"inputs\"".to_owned())
    })
}

/// Whether a body is an object with a member of that name; what is no JSON has none.
pub fn has_member(body: &[u8], name: &str) -> bool {
    let mut cursor = Cursor::new(body);
    let mut is_there = false;
    let read = cursor.members(|cursor, key| {
        is_there |= key.is(name);
        skip_value(cursor, DEEPEST)
    });
    read.is_ok() && is_there
}

/// Reads a body that is one tensor, and nothing else, for the sole input.
pub fn decode_tensor(
    body: &[u8],
    mut options: DecodeOptions<'_>,
) -> Result<DecodedTensor, DecodeError> {
    let mut cursor = Cursor::new(body);
    let tensor = read_whole(&mut cursor, Label::Member("the body"), &mut options)?;
    match cursor.peek() {
        None => Ok(tensor),
        Some(_) => Err(cursor.malformed("nothing may follow the tensor")),
    }
}

type NamedInputs = Vec<(Option<String>, DecodedInput)>;

fn read_instances(
    cursor: &mut Cursor<'_>,
    options: &mut DecodeOptions<'_>,
) -> Result<NamedInputs, DecodeError> {
    let at = cursor.at;
    if cursor.peek() != Some(b'[') {
        let found = cursor.peek().and_then(kind_of);
        let found = found.ok_or_else(|| cursor.malformed("expected an array of rows"))?;
        let place = "\"instances\"".to_owned();
        return Err(DecodeError::WrongType { at, place, found, expected: "an array of rows" });
    }
    let mut inside = Cursor { body: cursor.body, at: at + 1 };
    match inside.peek() {
        Some(b']') => Err(DecodeError::MissingInput("\"instances\" has no rows".to_owned())),
        Some(b'{') => read_named_rows(cursor, options),
        _ => {
            let tensor = read_whole(cursor, Label::Member("instances"), options)?;
            Ok(vec![(None, DecodedInput::Tensor(tensor))])
        }
    }
}

fn read_columns(
    cursor: &mut Cursor<'_>,
    options: &mut DecodeOptions<'_>,
) -> Result<NamedInputs, DecodeError> {
    if cursor.peek() == Some(b'{') {
        return read_inputs(cursor, options);
    }
    let tensor = read_whole(cursor, Label::Member("inputs"), options)?;
    Ok(vec![(None, DecodedInput::Tensor(tensor))])
}

/// Reads a tensor with all its rows.
fn read_whole(
    cursor: &mut Cursor<'_>,
    label: Label<'static>,
    options: &mut DecodeOptions<'_>,
) -> Result<DecodedTensor, DecodeError> {
    let wanted = Wanted {
        label,
        dtype: default_dtype(label, options),
        text_end: text_end(cursor.body, cursor.at),
        max_elements: options.limits.max_elements,
        reserved: 0,
    };
    read_tensor(cursor, wanted, options.budget).map(|(tensor, _)| tensor)
}

/// Reads an array of objects, each with the same names.
fn read_named_rows(
    cursor: &mut Cursor<'_>,
    options: &mut DecodeOptions<'_>,
) -> Result<NamedInputs, DecodeError> {
    let rows = count_items(*cursor, options.limits.max_depth)?;
    cursor.expect(b'[', "expected an array of rows")?;
    let mut columns: Vec<Column> = Vec::new();
    for row in 0..rows {
        let at = cursor.at;
        let mut names = 0;
        cursor.peek();
        cursor.members(|cursor, key| {
            names += 1;
            let place = Place { row, rows, key };
            read_member(cursor, place, &mut columns, options)
        })?;
        if names != columns.len() {
            let what = format!("[{row}] has {names} inputs, [0] has {}", columns.len());
            return Err(DecodeError::Ragged { at, input: "instances".to_owned(), what });
        }
        if row + 1 < rows {
            cursor.expect(b',', "expected , or ] after a row")?;
        }
    }
    cursor.expect(b']', "expected , or ] after a row")?;
    if columns.is_empty() {
        return Err(DecodeError::MissingInput("\"instances\" has rows without inputs".to_owned()));
    }
    columns.into_iter().map(|column| column.finish(rows)).collect()
}

/// How many items the array has that begins here; that they are JSON is checked on the way.
fn count_items(mut cursor: Cursor<'_>, max_depth: usize) -> Result<u64, DecodeError> {
    cursor.expect(b'[', "expected an array")?;
    let mut items = 0;
    loop {
        skip_value(&mut cursor, max_depth)?;
        items += 1;
        if cursor.take(b']') {
            return Ok(items);
        }
        cursor.expect(b',', "expected , or ] after an element of an array")?;
    }
}

/// A member of a row.
#[derive(Clone, Copy)]
struct Place<'a> {
    row: u64,
    rows: u64,
    key: Text<'a>,
}

impl Place<'_> {
    fn ragged(&self, what: &str) -> DecodeError {
        let (row, key) = (self.row, self.key.quoted());
        let input = "instances".to_owned();
        DecodeError::Ragged { at: self.key.at, input, what: format!("[{row}][{key}] {what}") }
    }
}

/// What all rows give for one input.
struct Column {
    name: String,
    /// Of the last row that gave it.
    row: u64,
    /// Of the first row; the data of a tensor is that of all rows so far.
    given: DecodedInput,
}

impl Column {
    /// Adds what a further row gives.
    fn add(&mut self, given: DecodedInput, place: Place<'_>) -> Result<(), DecodeError> {
        if self.row == place.row {
            return Err(place.key.twice());
        }
        self.row = place.row;
        match (&mut self.given, given) {
            (DecodedInput::Tensor(column), DecodedInput::Tensor(row)) => {
                if (row.dtype, row.shape) != (column.dtype, column.shape) {
                    return Err(place.ragged(&format!(
                        "is {} {}, that of [0] is {} {}",
                        row.dtype, row.shape, column.dtype, column.shape
                    )));
                }
                column.data.extend_from_slice(&row.data);
                Ok(())
            }
            (DecodedInput::Value(first), DecodedInput::Value(value)) if *first == value => Ok(()),
            _ => Err(place.ragged("differs from that of [0], but is one for all rows")),
        }
    }

    fn finish(self, rows: u64) -> Result<(Option<String>, DecodedInput), DecodeError> {
        let DecodedInput::Tensor(tensor) = self.given else {
            return Ok((Some(self.name), self.given));
        };
        let dims: Vec<u64> = [rows].iter().chain(tensor.shape.dims()).copied().collect();
        let shape = Shape::new(&dims).filter(|shape| shape.rank() <= MAX_DIMS);
        let shape = shape.ok_or_else(|| DecodeError::TooDeep {
            at: 0,
            place: Label::Named(&self.name).to_string(),
            limit: MAX_DIMS - 1,
        })?;
        Ok((Some(self.name), DecodedInput::Tensor(DecodedTensor { shape, ..tensor })))
    }
}

fn read_member(
    cursor: &mut Cursor<'_>,
    place: Place<'_>,
    columns: &mut Vec<Column>,
    options: &mut DecodeOptions<'_>,
) -> Result<(), DecodeError> {
    let name = place.key.decoded("the name of an input")?;
    let column = columns.iter().position(|column| column.name == *name);
    if column.is_none() && place.row > 0 {
        return Err(place.ragged("is an input that [0] does not have"));
    }
    let given = read_named(cursor, None, &name, options)?;
    if matches!(given, DecodedInput::Tensors(_)) {
        return Err(place.ragged("is a list of tensors, which a row cannot have"));
    }
    if let Some(column) = column {
        return columns[column].add(given, place);
    }
    let given = with_room(given, cursor, place, options)?;
    super::decode::check_count(columns.len(), place.key)?;
    columns.push(Column { name: name.into_owned(), row: 0, given });
    Ok(())
}

/// The first row's, with room for those of all.
fn with_room(
    given: DecodedInput,
    cursor: &Cursor<'_>,
    place: Place<'_>,
    options: &mut DecodeOptions<'_>,
) -> Result<DecodedInput, DecodeError> {
    let DecodedInput::Tensor(first) = given else { return Ok(given) };
    let meta = TensorMeta { dtype: first.dtype, shape: first.shape };
    let needed = meta.bytes().and_then(|row| row.checked_mul(place.rows)).unwrap_or(u64::MAX);
    // Each element of the rows to come has a comma of its own, but where one number fills a tensor.
    let rest = cursor.body.get(cursor.at..).unwrap_or_default();
    let commas = memchr_iter(b',', rest).count() + 1;
    let written = (commas * first.dtype.size()).saturating_add(first.data.len()) as u64;
    let limit = options.limits.max_filled_bytes.max(written);
    let Some(bytes) = usize::try_from(needed).ok().filter(|_| needed <= limit) else {
        let input = format!("instances[…][{}]", place.key.quoted());
        return Err(DecodeError::TooLarge { input, needed, limit });
    };
    if !options.budget.reserve(bytes) {
        return Err(DecodeError::Memory { bytes });
    }
    let mut data = Vec::with_capacity(bytes);
    data.extend_from_slice(&first.data);
    Ok(DecodedInput::Tensor(DecodedTensor { data, ..first }))
}
