//! Values of keys that are not ours: checked, then forgotten.

use super::cursor::Cursor;
use super::error::DecodeError;
use super::number::scan;

/// The most levels of arrays and objects within a value that is stepped over: each is a bit of [`Open`].
pub(super) const DEEPEST: usize = u128::BITS as usize;

/// Steps over the value at the cursor, which must be JSON. `max_depth` above [`DEEPEST`] counts as that.
pub(super) fn skip_value(cursor: &mut Cursor<'_>, max_depth: usize) -> Result<(), DecodeError> {
    let mut open = Open { depth: 0, objects: 0, limit: max_depth.min(DEEPEST) };
    loop {
        match cursor.peek() {
            Some(opening @ (b'{' | b'[')) => {
                open.push(cursor, opening == b'{')?;
                if !open.take_end(cursor) {
                    open.next_member(cursor)?;
                    continue;
                }
            }
            Some(b'"') => {
                cursor.string()?;
            }
            _ => skip_plain(cursor)?,
        }
        if !open.step(cursor)? {
            return Ok(());
        }
    }
}

/// The arrays and objects around the cursor.
struct Open {
    depth: usize,
    /// One bit each, the innermost lowest: whether it is an object.
    objects: u128,
    limit: usize,
}

impl Open {
    fn push(&mut self, cursor: &mut Cursor<'_>, object: bool) -> Result<(), DecodeError> {
        if self.depth == self.limit {
            let (at, place, limit) = (cursor.at, "an ignored value".to_owned(), self.limit);
            return Err(DecodeError::TooDeep { at, place, limit });
        }
        cursor.at += 1;
        self.depth += 1;
        self.objects = self.objects << 1 | u128::from(object);
        Ok(())
    }

    fn in_object(&self) -> bool {
        self.objects & 1 == 1
    }

    /// Takes the end of the innermost array or object if it is next.
    fn take_end(&mut self, cursor: &mut Cursor<'_>) -> bool {
        let ended = cursor.take(if self.in_object() { b'}' } else { b']' });
        if ended {
            self.depth -= 1;
            self.objects >>= 1;
        }
        ended
    }

    /// Takes the key before the next value, where there must be one.
    fn next_member(&self, cursor: &mut Cursor<'_>) -> Result<(), DecodeError> {
        if self.in_object() {
            cursor.key()?;
        }
        Ok(())
    }

    /// Goes on from the end of a value to the start of the next; `false` where the outermost one
    /// ended.
    fn step(&mut self, cursor: &mut Cursor<'_>) -> Result<bool, DecodeError> {
        while self.depth > 0 {
            if cursor.take(b',') {
                self.next_member(cursor)?;
                return Ok(true);
            }
            if !self.take_end(cursor) {
                return Err(cursor.malformed(match self.in_object() {
                    true => "expected , or } after a member of an object",
                    false => "expected , or ] after an element of an array",
                }));
            }
        }
        Ok(false)
    }
}

/// Steps over a number or one of the fixed tokens.
fn skip_plain(cursor: &mut Cursor<'_>) -> Result<(), DecodeError> {
    const TOKENS: [&str; 6] = ["true", "false", "null", "NaN", "Infinity", "-Infinity"];
    let rest = cursor.body.get(cursor.at..).unwrap_or_default();
    if let Some(token) = TOKENS.iter().find(|token| rest.starts_with(token.as_bytes())) {
        cursor.at += token.len();
        return Ok(());
    }
    if !matches!(rest.first(), Some(b'-' | b'0'..=b'9')) {
        return Err(cursor.malformed("expected a value"));
    }
    match scan(cursor.body, cursor.at) {
        Ok(number) => cursor.at = number.end,
        Err(no_number) => {
            cursor.at = no_number.at;
            return Err(cursor.malformed(no_number.what));
        }
    }
    Ok(())
}
