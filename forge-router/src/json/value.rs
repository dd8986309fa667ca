//! Arguments that are no tensors.

use std::fmt;

use super::cursor::Cursor;
use super::error::{DecodeError, excerpt};
use super::number::scan;
use super::tensor::NON_FINITE;
use crate::tensor::{ArgumentKind, Value};

/// Items of a list; it travels with the batch, whose room for such is small.
const MOST_ITEMS: usize = 8192;

/// Bytes of a string as written, for the same reason.
const LONGEST_STRING: usize = 64 * 1024;

/// Takes `null` where it is next.
pub(super) fn take_null(cursor: &mut Cursor<'_>) -> bool {
    cursor.peek();
    let rest = cursor.body.get(cursor.at..).unwrap_or_default();
    let is_null = rest.starts_with(b"null");
    cursor.at += if is_null { 4 } else { 0 };
    is_null
}

/// Reads a value of `kind`, which is none of tensors; `place` names it in messages.
pub(super) fn read_value(
    cursor: &mut Cursor<'_>,
    kind: &ArgumentKind,
    place: &dyn fmt::Display,
) -> Result<Value, DecodeError> {
    let mut reader = Reader { cursor, place };
    match kind {
        ArgumentKind::Int => reader.int("an integer").map(Value::Int),
        ArgumentKind::Float => reader.float("a number").map(Value::Float),
        ArgumentKind::Bool => reader.bool().map(Value::Bool),
        ArgumentKind::Str => reader.string().map(Value::Str),
        ArgumentKind::Ints => reader.list("an array of integers", Reader::int).map(Value::Ints),
        ArgumentKind::Floats => {
            reader.list("an array of numbers", Reader::float).map(Value::Floats)
        }
        ArgumentKind::Tensor | ArgumentKind::Tensors | ArgumentKind::Other(_) => {
            Err(reader.wrong("a tensor"))
        }
    }
}

struct Reader<'c, 'a, 'n> {
    cursor: &'c mut Cursor<'a>,
    place: &'n dyn fmt::Display,
}

impl Reader<'_, '_, '_> {
    fn int(&mut self, expected: &'static str) -> Result<i64, DecodeError> {
        let start = self.cursor.at;
        let literal = self.number(expected)?;
        literal.parse().map_err(|_| DecodeError::WrongValue {
            at: start,
            place: self.place.to_string(),
            literal: excerpt(&literal),
            expected: "an integer of 64 bits",
        })
    }

    fn float(&mut self, expected: &'static str) -> Result<f64, DecodeError> {
        self.cursor.peek();
        let rest = self.cursor.body.get(self.cursor.at..).unwrap_or_default();
        for (token, value) in NON_FINITE {
            if rest.starts_with(token.as_bytes()) {
                self.cursor.at += token.len();
                return Ok(value);
            }
        }
        let literal = self.number(expected)?;
        // The grammar of JSON's numbers is part of Rust's.
        literal.parse().map_err(|_| self.wrong(expected))
    }

    fn bool(&mut self) -> Result<bool, DecodeError> {
        self.cursor.peek();
        let rest = self.cursor.body.get(self.cursor.at..).unwrap_or_default();
        for (token, value) in [("true", true), ("false", false)] {
            if rest.starts_with(token.as_bytes()) {
                self.cursor.at += token.len();
                return Ok(value);
            }
        }
        Err(self.wrong("true or false"))
    }

    fn string(&mut self) -> Result<String, DecodeError> {
        if self.cursor.peek() != Some(b'"') {
            return Err(self.wrong("a string"));
        }
        let text = self.cursor.string()?;
        if text.written_bytes() > LONGEST_STRING {
            let (at, place, limit) = (text.at, self.place.to_string(), LONGEST_STRING);
            return Err(DecodeError::TooMany { at, place, limit, what: "bytes" });
        }
        Ok(text.unescaped()?.into_owned())
    }

    fn list<T>(
        &mut self,
        expected: &'static str,
        mut item: impl FnMut(&mut Self, &'static str) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        if self.cursor.peek() != Some(b'[') {
            return Err(self.wrong(expected));
        }
        let at = self.cursor.at;
        self.cursor.at += 1;
        let mut items = Vec::new();
        if self.cursor.take(b']') {
            return Ok(items);
        }
        loop {
            if items.len() == MOST_ITEMS {
                let (place, limit) = (self.place.to_string(), MOST_ITEMS);
                return Err(DecodeError::TooMany { at, place, limit, what: "items" });
            }
            self.cursor.peek();
            items.push(item(self, expected)?);
            if self.cursor.take(b']') {
                return Ok(items);
            }
            self.cursor.expect(b',', "expected , or ] after an element of an array")?;
        }
    }

    /// The literal of the number that is next.
    fn number(&mut self, expected: &'static str) -> Result<String, DecodeError> {
        if !matches!(self.cursor.peek(), Some(b'-' | b'0'..=b'9')) {
            return Err(self.wrong(expected));
        }
        let start = self.cursor.at;
        let number = scan(self.cursor.body, start).map_err(|no_number| {
            self.cursor.at = no_number.at;
            self.cursor.malformed(no_number.what)
        })?;
        self.cursor.at = number.end;
        let literal = self.cursor.body.get(start..number.end).unwrap_or_default();
        Ok(String::from_utf8_lossy(literal).into_owned())
    }

    /// The error that the value here is of another kind.
    fn wrong(&mut self, expected: &'static str) -> DecodeError {
        self.cursor.wrong_type(self.place.to_string(), expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: &ArgumentKind, text: &str) -> Result<Value, String> {
        let mut cursor = Cursor::new(text.as_bytes());
        let value = read_value(&mut cursor, kind, &"n").map_err(|error| error.to_string())?;
        assert_eq!(cursor.at, text.len(), "{text}");
        Ok(value)
    }

    #[test]
    fn values_are_read_by_the_kind_of_their_argument() {
        for (kind, text, value) in [
            (ArgumentKind::Int, "-3", Value::Int(-3)),
            (ArgumentKind::Int, "9223372036854775807", Value::Int(i64::MAX)),
            (ArgumentKind::Float, "3", Value::Float(3.0)),
            (ArgumentKind::Float, "1e-5", Value::Float(1e-5)),
            (ArgumentKind::Float, "\"-Infinity\"", Value::Float(f64::NEG_INFINITY)),
            (ArgumentKind::Bool, "true", Value::Bool(true)),
            (ArgumentKind::Str, r#""a\"bä""#, Value::Str("a\"bä".to_owned())),
            (ArgumentKind::Ints, "[ 1, 2 ]", Value::Ints(vec![1, 2])),
            (ArgumentKind::Ints, "[]", Value::Ints(vec![])),
            (ArgumentKind::Floats, "[1,2.5]", Value::Floats(vec![1.0, 2.5])),
        ] {
            assert_eq!(read(&kind, text), Ok(value), "{text}");
        }
    }

    #[test]
    fn values_of_another_kind_are_refused_with_what_was_expected() {
        for (kind, text, error) in [
            (ArgumentKind::Int, "1.5", "is 1.5, expected an integer of 64 bits"),
            (ArgumentKind::Int, "9223372036854775808", "expected an integer of 64 bits"),
            (ArgumentKind::Int, "true", "is a boolean, expected an integer"),
            (ArgumentKind::Int, "null", "is null, expected an integer"),
            (ArgumentKind::Float, "\"1\"", "is a string, expected a number"),
            (ArgumentKind::Bool, "1", "is a number, expected true or false"),
            (ArgumentKind::Str, "1", "is a number, expected a string"),
            (ArgumentKind::Ints, "1", "is a number, expected an array of integers"),
            (ArgumentKind::Ints, "[1,[2]]", "is an array, expected an array of integers"),
            (ArgumentKind::Floats, "[1 2]", "expected , or ]"),
            (ArgumentKind::Int, "-", "malformed JSON"),
        ] {
            let refused = read(&kind, text).unwrap_err();
            assert!(refused.contains(error), "{text}: {refused}");
        }
    }

    #[test]
    fn null_is_taken_where_it_stands() {
        let mut cursor = Cursor::new(b" null,");
        assert!(take_null(&mut cursor));
        assert_eq!(cursor.at, 5);
        assert!(!take_null(&mut cursor));
    }
}
