//! A place in the body, and the tokens that are not numbers.

use std::borrow::Cow;

use memchr::memchr2;

use super::error::{DecodeError, excerpt};
use super::text::unescape;

/// Most bytes of a key or dtype that is ours to understand, as written in the body.
const LONGEST_NAME: usize = 1024;

/// Where the decoder stands in the body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    pub(super) body: &'a [u8],
    pub(super) at: usize,
}

/// A string of the body: valid UTF-8 with valid escapes, not yet unescaped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'a> {
    raw: &'a str,
    escaped: bool,
    /// The offset of its opening quote.
    pub(super) at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(body: &'a [u8]) -> Self {
        Self { body, at: 0 }
    }

    /// The next byte after whitespace; `None` at the end.
    pub(super) fn peek(&mut self) -> Option<u8> {
        self.at = skip_whitespace(self.body, self.at);
        self.body.get(self.at).copied()
    }

    /// Takes `byte` if it is next after whitespace.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Takes `byte`, which must be next after whitespace; else the error says `what`.
    pub(super) fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), DecodeError> {
        if self.take(byte) { Ok(()) } else { Err(self.malformed(what)) }
    }

    /// The error that the byte here fits no JSON.
    pub(super) fn malformed(&self, what: &'static str) -> DecodeError {
        let what = if self.at >= self.body.len() { "the body ends early" } else { what };
        DecodeError::Malformed { at: self.at, what }
    }

    /// The error that the value here, which `place` names, is of another kind.
    pub(super) fn wrong_type(
        &mut self,
        place: impl Into<String>,
        expected: &'static str,
    ) -> DecodeError {
        match self.peek().and_then(kind_of) {
            None => self.malformed("expected a value"),
            Some(found) => {
                DecodeError::WrongType { at: self.at, place: place.into(), found, expected }
            }
        }
    }

    /// Reads an object that starts here, giving `member` each key with the cursor at its value.
    pub(super) fn members(
        &mut self,
        mut member: impl FnMut(&mut Self, Text<'a>) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        self.expect(b'{', "expected an object")?;
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            let key = self.key()?;
            self.peek();
            member(self, key)?;
            if self.take(b'}') {
                return Ok(());
            }
            self.expect(b',', "expected , or } after a member of an object")?;
        }
    }

    /// Checks that nothing but whitespace follows the object that is the body.
    pub(super) fn end(&mut self) -> Result<(), DecodeError> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.malformed("nothing may follow the object")),
        }
    }

    /// Reads the key of a member and its colon.
    pub(super) fn key(&mut self) -> Result<Text<'a>, DecodeError> {
        if self.peek() != Some(b'"') {
            return Err(self.malformed("expected a key in double quotes"));
        }
        let key = self.string()?;
        self.expect(b':', "expected : after a key")?;
        Ok(key)
    }

    /// Reads the string whose opening quote is here.
    pub(super) fn string(&mut self) -> Result<Text<'a>, DecodeError> {
        let opening = self.at;
        let start = opening + 1;
        let mut end = start;
        let mut escaped = false;
        loop {
            let Some(offset) = memchr2(b'"', b'\\', self.body.get(end..).unwrap_or_default())
            else {
                return Err(malformed(opening, "the string has no closing quote"));
            };
            end += offset;
            if self.body[end] == b'"' {
                break;
            }
            escaped = true;
            end = skip_escape(self.body, end)?;
        }
        let raw = &self.body[start..end];
        if let Some(offset) = raw.iter().position(|byte| *byte < 0x20) {
            return Err(malformed(start + offset, "a control character must be escaped"));
        }
        let raw = std::str::from_utf8(raw)
            .map_err(|error| malformed(start + error.valid_up_to(), "the string is not UTF-8"))?;
        self.at = end + 1;
        Ok(Text { raw, escaped, at: opening })
    }
}

impl<'a> Text<'a> {
    /// Whether it is `name`, however it is escaped.
    pub(super) fn is(&self, name: &str) -> bool {
        // `\u0069` is the longest way to write a letter of our keys.
        const LONGEST_ESCAPE: usize = 6;
        if !self.escaped {
            return self.raw == name;
        }
        self.raw.len() <= LONGEST_ESCAPE * name.len()
            && unescape(self.raw).is_some_and(|text| text == name)
    }

    /// How long it is in the body.
    pub(super) fn written_bytes(&self) -> usize {
        self.raw.len()
    }

    /// Whether it is `name`, written without escapes.
    pub(super) fn is_plainly(&self, name: &str) -> bool {
        self.plain() == Some(name)
    }

    /// What it says, where it is written without escapes.
    pub(super) fn plain(&self) -> Option<&'a str> {
        (!self.escaped).then_some(self.raw)
    }

    /// What it says. `place` names it in the error that it is too long.
    pub(super) fn decoded(&self, place: &str) -> Result<Cow<'a, str>, DecodeError> {
        if self.raw.len() > LONGEST_NAME {
            let place = place.to_owned();
            let (limit, what) = (LONGEST_NAME, "bytes");
            return Err(DecodeError::TooMany { at: self.at, place, limit, what });
        }
        self.unescaped()
    }

    /// What it says, however long it is.
    pub(super) fn unescaped(&self) -> Result<Cow<'a, str>, DecodeError> {
        if !self.escaped {
            return Ok(Cow::Borrowed(self.raw));
        }
        let text = unescape(self.raw);
        Ok(Cow::Owned(text.ok_or_else(|| malformed(self.at, "a surrogate stands alone"))?))
    }

    /// Refuses a key whose value was read before.
    pub(super) fn once<T>(&self, read: &Option<T>) -> Result<(), DecodeError> {
        if read.is_some() { Err(self.twice()) } else { Ok(()) }
    }

    /// The error that the key stands twice.
    pub(super) fn twice(&self) -> DecodeError {
        DecodeError::Duplicate { at: self.at, key: self.quoted() }
    }

    /// What to call it in a message.
    pub(super) fn quoted(&self) -> String {
        format!("\"{}\"", excerpt(self.raw))
    }
}

/// The first offset from `at` on that holds no whitespace.
#[inline(always)]
pub(super) fn skip_whitespace(body: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = body.get(at) {
        at += 1;
    }
    at
}

/// What a value that starts with `byte` is; `None` where no value does.
pub(super) fn kind_of(byte: u8) -> Option<&'static str> {
    Some(match byte {
        b'"' => "a string",
        b'{' => "an object",
        b'[' => "an array",
        b't' | b'f' => "a boolean",
        b'n' => "null",
        b'-' | b'0'..=b'9' | b'N' | b'I' => "a number",
        _ => return None,
    })
}

/// The offset after the escape whose backslash is at `at`.
fn skip_escape(body: &[u8], at: usize) -> Result<usize, DecodeError> {
    match body.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u')
            if body
                .get(at + 2..at + 6)
                .is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) =>
        {
            Ok(at + 6)
        }
        Some(b'u') => Err(malformed(at, "\\u must be followed by four hexadecimal digits")),
        _ => Err(malformed(at, "no such escape")),
    }
}

fn malformed(at: usize, what: &'static str) -> DecodeError {
    DecodeError::Malformed { at, what }
}
