//! A tensor and its dtype, which may stand before or after it.

use memchr::memchr;

use super::cursor::{Cursor, Text};
use super::decode::{DecodeOptions, DecodedTensor};
use super::error::{DecodeError, excerpt};
use super::nest::MAX_DIMS;
use super::skip::skip_value;
use super::tensor::{Label, Wanted, read_tensor, text_end};
use crate::tensor::Dtype;

/// What was found so far of one input.
#[derive(Debug)]
pub(super) struct Field<'a> {
    label: Label<'a>,
    /// As the body says.
    dtype: Option<Dtype>,
    data: Option<Data>,
}

#[derive(Debug)]
struct Data {
    /// Where its text begins and ends for [`text_end`], to read it again.
    at: usize,
    text_end: usize,
    /// What it was read as.
    dtype: Dtype,
    outcome: Result<DecodedTensor, DecodeError>,
    reserved: usize,
}

impl<'a> Field<'a> {
    pub(super) fn new(label: Label<'a>) -> Self {
        Self { label, dtype: None, data: None }
    }

    pub(super) fn has_data(&self) -> bool {
        self.data.is_some()
    }

    pub(super) fn has_dtype(&self) -> bool {
        self.dtype.is_some()
    }

    /// Reads the tensor at the cursor; `key` is its key, for a second one's error.
    pub(super) fn read_data(
        &mut self,
        cursor: &mut Cursor<'_>,
        key: Text<'_>,
        options: &mut DecodeOptions<'_>,
    ) -> Result<(), DecodeError> {
        key.once(&self.data)?;
        self.read_until(cursor, text_end(cursor.body, cursor.at), options)
    }

    /// Reads the tensor at the cursor, which is one of an array of them.
    pub(super) fn read_element(
        &mut self,
        cursor: &mut Cursor<'_>,
        options: &mut DecodeOptions<'_>,
    ) -> Result<(), DecodeError> {
        // Else the elements of all that follow would be reserved for this one.
        let at = cursor.at;
        skip_value(cursor, options.limits.max_depth.max(MAX_DIMS))?;
        let end = std::mem::replace(&mut cursor.at, at);
        self.read_until(cursor, end, options)
    }

    fn read_until(
        &mut self,
        cursor: &mut Cursor<'_>,
        text_end: usize,
        options: &mut DecodeOptions<'_>,
    ) -> Result<(), DecodeError> {
        let at = cursor.at;
        let dtype = self.dtype.or_else(|| following_dtype(cursor.body, text_end));
        let dtype = dtype.unwrap_or_else(|| default_dtype(self.label, options));
        let wanted = self.wanted(dtype, text_end, 0, options);
        let (outcome, reserved) = match read_tensor(cursor, wanted, options.budget) {
            Ok((tensor, reserved)) => (Ok(tensor), reserved),
            Err(error) if self.dtype.is_none() && error.depends_on_dtype() => {
                // Another dtype may follow that can hold it.
                cursor.at = at;
                skip_value(cursor, options.limits.max_depth.max(MAX_DIMS))?;
                (Err(error), 0)
            }
            Err(error) => return Err(error),
        };
        self.data = Some(Data { at, text_end, dtype, outcome, reserved });
        Ok(())
    }

    /// Reads the name of a dtype at the cursor; `key` is its key, for a second one's error.
    pub(super) fn read_dtype(
        &mut self,
        cursor: &mut Cursor<'_>,
        key: Text<'_>,
    ) -> Result<(), DecodeError> {
        key.once(&self.dtype)?;
        let at = cursor.at;
        if cursor.peek() != Some(b'"') {
            let place = format!("the dtype of {}", self.label);
            return Err(cursor.wrong_type(place, "a name such as \"float32\""));
        }
        let name = cursor.string()?.decoded("a dtype's name")?;
        let dtype = Dtype::from_name(&name).ok_or_else(|| self.unknown_dtype(at, &name))?;
        self.dtype = Some(dtype);
        Ok(())
    }

    /// The tensor in the dtype it is to have; `None` where there was none.
    pub(super) fn finish(
        mut self,
        body: &[u8],
        options: &mut DecodeOptions<'_>,
    ) -> Result<Option<DecodedTensor>, DecodeError> {
        let Some(data) = self.data.take() else { return Ok(None) };
        let dtype = self.dtype.unwrap_or_else(|| default_dtype(self.label, options));
        if dtype == data.dtype {
            return data.outcome.map(Some);
        }
        // Freed before its successor is allocated.
        drop(data.outcome);
        let mut cursor = Cursor { body, at: data.at };
        let wanted = self.wanted(dtype, data.text_end, data.reserved, options);
        let (tensor, _) = read_tensor(&mut cursor, wanted, options.budget)?;
        Ok(Some(tensor))
    }

    fn wanted(
        &self,
        dtype: Dtype,
        text_end: usize,
        reserved: usize,
        options: &DecodeOptions<'_>,
    ) -> Wanted<'a> {
        let max_elements = options.limits.max_elements;
        Wanted { label: self.label, dtype, text_end, max_elements, reserved }
    }

    fn unknown_dtype(&self, at: usize, name: &str) -> DecodeError {
        let known = Dtype::ALL.map(Dtype::name).join(", ");
        let input = self.label.to_string();
        DecodeError::UnknownDtype { at, input, name: excerpt(name), known }
    }
}

pub(super) fn default_dtype(label: Label<'_>, options: &DecodeOptions<'_>) -> Dtype {
    let name = match label {
        Label::Named(name) => Some(name),
        Label::Sole | Label::Member(_) => None,
    };
    options.declared.dtype(name).unwrap_or(Dtype::Float32)
}

/// The dtype whose key ends at `colon`, as in the usual `{"input": …, "dtype": "int64"}`. It is a
/// guess that spares reading the tensor twice: what really follows decides in the end.
fn following_dtype(body: &[u8], colon: usize) -> Option<Dtype> {
    const LONGEST: usize = 32;
    body.get(..colon)?.trim_ascii_end().strip_suffix(b"\"dtype\"")?;
    let value = body.get(colon..)?.strip_prefix(b":")?.trim_ascii_start();
    let value = value.strip_prefix(b"\"")?;
    let value = &value[..value.len().min(LONGEST)];
    let name = value.get(..memchr(b'"', value)?)?;
    Dtype::from_name(std::str::from_utf8(name).ok()?)
}
