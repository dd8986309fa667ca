//! The elements of a tensor of the Open Inference Protocol: nested or flat, in any case row-major.

use super::cursor::Cursor;
use super::decode::Budget;
use super::error::DecodeError;
use super::infer_request::Elements;
use super::skip::{DEEPEST, skip_value};
use super::tensor::{Label, Wanted, read_tensor, text_end};
use crate::tensor::Dtype;

/// The bytes before a string that say how long it is.
const LENGTH: usize = size_of::<u32>();

/// Reads numbers, booleans where the dtype takes them.
pub(super) fn read_numbers(
    cursor: &mut Cursor<'_>,
    label: Label<'_>,
    dtype: Dtype,
    budget: &mut dyn Budget,
) -> Result<Elements, DecodeError> {
    let text_end = text_end(cursor.body, cursor.at);
    let wanted = Wanted { label, dtype, text_end, max_elements: usize::MAX, reserved: 0 };
    let (tensor, _) = read_tensor(cursor, wanted, budget)?;
    let count = (tensor.data.len() / dtype.size()) as u64;
    Ok(Elements { bytes: tensor.data, count })
}

/// Reads strings, each of which becomes its length and its UTF-8.
pub(super) fn read_texts(
    cursor: &mut Cursor<'_>,
    label: Label<'_>,
    budget: &mut dyn Budget,
) -> Result<Elements, DecodeError> {
    let start = cursor.at;
    skip_value(cursor, DEEPEST)?;
    // An element takes at least its quotes and a comma, and a string is never longer than its text.
    let written = std::mem::replace(&mut cursor.at, start).saturating_sub(start);
    let most = written + written / 3 + 2 * LENGTH;
    if !budget.reserve(most) {
        return Err(DecodeError::Memory { bytes: most });
    }
    let mut elements = Elements { bytes: Vec::with_capacity(most), count: 0 };
    // No deeper than `DEEPEST`, as it was stepped over.
    let mut depth = 0usize;
    loop {
        match cursor.peek() {
            Some(b'[') => {
                cursor.at += 1;
                depth += 1;
                if !cursor.take(b']') {
                    continue;
                }
                depth -= 1;
            }
            Some(b'"') if depth > 0 => push_text(cursor, &mut elements)?,
            _ => return Err(cursor.wrong_type(label.to_string(), "an array of strings")),
        }
        while depth > 0 && !cursor.take(b',') {
            cursor.expect(b']', "expected , or ] after an element of an array")?;
            depth -= 1;
        }
        if depth == 0 {
            return Ok(elements);
        }
    }
}

fn push_text(cursor: &mut Cursor<'_>, elements: &mut Elements) -> Result<(), DecodeError> {
    let text = cursor.string()?;
    let (at, limit) = (text.at, u32::MAX as usize);
    let text = text.unescaped()?;
    let length = u32::try_from(text.len()).map_err(|_| {
        let place = "a string".to_owned();
        DecodeError::TooMany { at, place, limit, what: "bytes" }
    })?;
    elements.bytes.extend_from_slice(&length.to_le_bytes());
    elements.bytes.extend_from_slice(text.as_bytes());
    elements.count += 1;
    Ok(())
}
