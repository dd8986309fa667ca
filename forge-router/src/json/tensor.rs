//! One tensor: a number, or numbers in arrays of arrays.

use std::fmt;

use half::{bf16, f16};
use memchr::{memchr_iter, memchr2};

use super::cursor::{Cursor, kind_of, skip_whitespace};
use super::decode::{Budget, DecodedTensor};
use super::element::Element;
use super::error::{DecodeError, excerpt};
use super::nest::{MAX_DIMS, Nest, Uneven};
use super::number::{NoNumber, scan};
use crate::tensor::Dtype;

/// What messages call a tensor.
#[derive(Clone, Copy, Debug)]
pub(super) enum Label<'a> {
    /// The one of `input`.
    Sole,
    /// One of `inputs`, by its name.
    Named(&'a str),
    /// The value of that member of the body.
    Member(&'static str),
}

/// The offset of the first `:` or `}` after `at`. The tensor that starts at `at` ends before it: no
/// number has either.
pub(super) fn text_end(body: &[u8], at: usize) -> usize {
    let rest = body.get(at..).unwrap_or_default();
    at + memchr2(b':', b'}', rest).unwrap_or(rest.len())
}

/// What [`read_tensor`] needs to know beside the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) label: Label<'a>,
    pub(super) dtype: Dtype,
    /// From [`text_end`].
    pub(super) text_end: usize,
    pub(super) max_elements: usize,
    /// Bytes that are reserved already.
    pub(super) reserved: usize,
}

/// Reads the tensor that starts at the cursor and leaves the cursor behind it. Gives the bytes now
/// reserved, too.
pub(super) fn read_tensor(
    cursor: &mut Cursor<'_>,
    wanted: Wanted<'_>,
    budget: &mut dyn Budget,
) -> Result<(DecodedTensor, usize), DecodeError> {
    let text = cursor.body.get(cursor.at..wanted.text_end).unwrap_or_default();
    // Each element but the first comes after a comma of its own. One comma more may lie before the
    // next key.
    let commas = memchr_iter(b',', text).count();
    if commas > wanted.max_elements {
        return Err(wanted.too_many(cursor.at));
    }
    let bytes = (commas + 1) * wanted.dtype.size();
    let more = bytes.saturating_sub(wanted.reserved);
    if more > 0 && !budget.reserve(more) {
        return Err(DecodeError::Memory { bytes: more });
    }
    let start = cursor.at;
    let reader =
        Reader { cursor: *cursor, nest: Nest::default(), out: Vec::with_capacity(bytes), wanted };
    let (tensor, end) = match wanted.dtype {
        Dtype::Bool => reader.read::<bool>(),
        Dtype::Uint8 => reader.read::<u8>(),
        Dtype::Int8 => reader.read::<i8>(),
        Dtype::Int16 => reader.read::<i16>(),
        Dtype::Int32 => reader.read::<i32>(),
        Dtype::Int64 => reader.read::<i64>(),
        Dtype::Float16 => reader.read::<f16>(),
        Dtype::Bfloat16 => reader.read::<bf16>(),
        Dtype::Float32 => reader.read::<f32>(),
        Dtype::Float64 => reader.read::<f64>(),
    }?;
    if tensor.data.len() / wanted.dtype.size() > wanted.max_elements {
        return Err(wanted.too_many(start));
    }
    cursor.at = end;
    Ok((tensor, bytes.max(wanted.reserved)))
}

struct Reader<'a, 'w> {
    cursor: Cursor<'a>,
    nest: Nest,
    /// Has room for all elements from the start.
    out: Vec<u8>,
    wanted: Wanted<'w>,
}

/// Why there is no element here.
enum Fault {
    NoNumber(NoNumber),
    /// JSON, but of another kind.
    Other {
        at: usize,
        found: &'static str,
    },
    /// The literal from `at` to `end` does not fit the dtype.
    Unfit {
        at: usize,
        end: usize,
        why: &'static str,
    },
}

impl Reader<'_, '_> {
    /// Reads all of the tensor. Gives the offset after it, too.
    fn read<E: Element>(mut self) -> Result<(DecodedTensor, usize), DecodeError> {
        loop {
            match self.cursor.peek() {
                Some(b'[') => {
                    self.nest.open().map_err(|uneven| self.uneven(self.cursor.at, uneven))?;
                    self.cursor.at += 1;
                    if !self.cursor.take(b']') {
                        continue;
                    }
                    self.close()?;
                }
                _ if self.nest.depth() == 0 => {
                    let (bytes, end) = element::<E>(self.cursor.body, self.cursor.at)
                        .map_err(|fault| self.explain(&fault))?;
                    self.out.extend_from_slice(bytes.as_ref());
                    self.cursor.at = end;
                }
                _ => {
                    self.nest.numbers().map_err(|uneven| self.explain_misplaced(uneven))?;
                    self.row::<E>()?;
                    self.close()?;
                }
            }
            if !self.close_ended()? {
                return self.finish();
            }
        }
    }

    /// Closes the arrays that end here; `false` once none is open.
    fn close_ended(&mut self) -> Result<bool, DecodeError> {
        while self.nest.depth() > 0 {
            if self.cursor.take(b',') {
                return Ok(true);
            }
            self.cursor.expect(b']', "expected , or ] after an array")?;
            self.close()?;
        }
        Ok(false)
    }

    /// Reads the numbers up to the end of the innermost array, and that end. This is the loop that
    /// all the time goes to.
    fn row<E: Element>(&mut self) -> Result<(), DecodeError> {
        let body = self.cursor.body;
        let mut at = self.cursor.at;
        let mut count = 0;
        let fault = loop {
            match element::<E>(body, at) {
                Ok((bytes, end)) => {
                    self.out.extend_from_slice(bytes.as_ref());
                    count += 1;
                    at = end;
                }
                Err(fault) => break fault,
            }
            if matches!(body.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
                at = skip_whitespace(body, at);
            }
            match body.get(at) {
                Some(b',') => at = skip_whitespace(body, at + 1),
                Some(b']') => {
                    self.nest.count(count);
                    self.cursor.at = at + 1;
                    return Ok(());
                }
                _ => {
                    break Fault::NoNumber(NoNumber { at, what: "expected , or ] after a number" });
                }
            }
        };
        self.nest.count(count);
        Err(self.explain(&fault))
    }

    /// The innermost array ended with the last byte taken.
    fn close(&mut self) -> Result<(), DecodeError> {
        self.nest.close().map_err(|uneven| self.uneven(self.cursor.at - 1, uneven))
    }

    fn finish(self) -> Result<(DecodedTensor, usize), DecodeError> {
        let Some(shape) = self.nest.shape() else {
            return Err(self.uneven(self.cursor.at, Uneven::TooDeep));
        };
        Ok((DecodedTensor { dtype: self.wanted.dtype, shape, data: self.out }, self.cursor.at))
    }

    #[cold]
    fn uneven(&self, at: usize, uneven: Uneven) -> DecodeError {
        let input = self.wanted.label.to_string();
        match uneven {
            Uneven::Ragged(what) => DecodeError::Ragged { at, input, what },
            Uneven::TooDeep => DecodeError::TooDeep { at, place: input, limit: MAX_DIMS },
        }
    }

    /// What stands where an array should: a number, which makes the tensor ragged, or something
    /// worse.
    #[cold]
    fn explain_misplaced(&self, uneven: Uneven) -> DecodeError {
        match element::<f64>(self.cursor.body, self.cursor.at) {
            Ok(_) => self.uneven(self.cursor.at, uneven),
            Err(fault) => self.explain(&fault),
        }
    }

    #[cold]
    fn explain(&self, fault: &Fault) -> DecodeError {
        let (label, dtype) = (self.wanted.label, self.wanted.dtype);
        let place = || format!("{label}{}", self.nest.path());
        match *fault {
            Fault::NoNumber(NoNumber { at, what }) => {
                Cursor { body: self.cursor.body, at }.malformed(what)
            }
            Fault::Other { at, found: "an array" } => {
                let what = format!("{} is an array, expected a number", self.nest.path());
                DecodeError::Ragged { at, input: label.to_string(), what }
            }
            Fault::Other { at, found } => {
                let expected =
                    if self.nest.depth() == 0 { "a number or nested arrays" } else { "a number" };
                DecodeError::WrongType { at, place: place(), found, expected }
            }
            Fault::Unfit { at, end, why } => {
                let literal = String::from_utf8_lossy(&self.cursor.body[at..end]);
                let literal = excerpt(&literal);
                DecodeError::OutOfRange { at, place: place(), literal, dtype, why }
            }
        }
    }
}

impl Wanted<'_> {
    fn too_many(&self, at: usize) -> DecodeError {
        let (place, limit) = (self.label.to_string(), self.max_elements);
        DecodeError::TooMany { at, place, limit, what: "elements" }
    }
}

/// Reads the element at `at` and gives the offset after it.
#[inline(always)]
fn element<E: Element>(body: &[u8], at: usize) -> Result<(E::Bytes, usize), Fault> {
    let Ok(number) = scan(body, at) else { return token::<E>(body, at) };
    match E::from_number(number, &body[at..number.end]) {
        Ok(bytes) => Ok((bytes, number.end)),
        Err(why) => Err(Fault::Unfit { at, end: number.end, why }),
    }
}

/// Reads an element that is no number: a boolean, NaN or an infinity.
#[cold]
fn token<E: Element>(body: &[u8], at: usize) -> Result<(E::Bytes, usize), Fault> {
    let rest = body.get(at..).unwrap_or_default();
    for (text, value) in [("true", true), ("false", false)] {
        if rest.starts_with(text.as_bytes()) {
            return Ok((E::from_bool(value), at + text.len()));
        }
    }
    for (text, value) in NON_FINITE {
        if rest.starts_with(text.as_bytes()) {
            let end = at + text.len();
            return match E::from_non_finite(value) {
                Ok(bytes) => Ok((bytes, end)),
                Err(why) => Err(Fault::Unfit { at, end, why }),
            };
        }
    }
    match rest.first().and_then(|byte| kind_of(*byte)) {
        // Something that only begins like `null`, such as Python's `nan`, is nothing.
        Some("null") if !rest.starts_with(b"null") => {
            Err(Fault::NoNumber(NoNumber { at, what: "expected a number or an array" }))
        }
        Some(found) if found != "a number" => Err(Fault::Other { at, found }),
        _ => Err(Fault::NoNumber(match scan(body, at) {
            Err(NoNumber { what: "expected a digit", at: digit }) if digit == at => {
                NoNumber { at, what: "expected a number or an array" }
            }
            Err(no_number) => no_number,
            // `token` is only called where `scan` failed.
            Ok(_) => NoNumber { at, what: "expected a number" },
        })),
    }
}

/// The tokens that Python writes beyond JSON, and the strings that stand for them.
pub(super) const NON_FINITE: [(&str, f64); 6] = [
    ("NaN", f64::NAN),
    ("Infinity", f64::INFINITY),
    ("-Infinity", f64::NEG_INFINITY),
    ("\"NaN\"", f64::NAN),
    ("\"Infinity\"", f64::INFINITY),
    ("\"-Infinity\"", f64::NEG_INFINITY),
];

impl fmt::Display for Label<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sole => formatter.write_str("input"),
            Self::Named(name) => write!(formatter, "inputs[{:?}]", excerpt(name)),
            Self::Member(member) => formatter.write_str(member),
        }
    }
}
