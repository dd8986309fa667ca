//! Strings: taking escapes off and putting them on.

/// Writes `text` as a JSON string with its quotes.
pub fn write_string(out: &mut Vec<u8>, text: &str) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    let mut rest = text.as_bytes();
    // Most have none: then the text is copied at once.
    while let Some(escaped) = rest.iter().position(|byte| is_escaped(*byte)) {
        out.extend_from_slice(&rest[..escaped]);
        write_escape(out, rest[escaped]);
        rest = &rest[escaped + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

fn is_escaped(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// Takes the escapes off a string whose escapes have the right form; `None` where a surrogate
/// stands alone.
pub(super) fn unescape(raw: &str) -> Option<String> {
    let mut text = String::with_capacity(raw.len());
    let mut parts = raw.split('\\');
    text.push_str(parts.next().unwrap_or_default());
    // The high half of a pair whose low half must come next.
    let mut pending: Option<u32> = None;
    while let Some(part) = parts.next() {
        let mut letters = part.chars();
        let kind = letters.next();
        if pending.is_some() && kind != Some('u') {
            return None;
        }
        match kind {
            Some('u') => {
                let unit = u32::from_str_radix(part.get(1..5)?, 16).ok()?;
                let rest = part.get(5..)?;
                let low = (0xDC00..0xE000).contains(&unit);
                match (pending.take(), unit) {
                    (Some(high), _) if low => {
                        let joined = 0x10000 + ((high - 0xD800) << 10) + (unit - 0xDC00);
                        text.push(char::from_u32(joined)?);
                    }
                    (None, 0xD800..0xDC00) if rest.is_empty() => pending = Some(unit),
                    (None, _) => text.push(char::from_u32(unit)?),
                    (Some(_), _) => return None,
                }
                text.push_str(rest);
            }
            // An escaped backslash ends its part at once, and the next part is plain text.
            None => {
                text.push('\\');
                text.push_str(parts.next().unwrap_or_default());
            }
            Some(letter) => {
                text.push(plain_escape(letter)?);
                text.push_str(letters.as_str());
            }
        }
    }
    pending.is_none().then_some(text)
}

fn plain_escape(letter: char) -> Option<char> {
    Some(match letter {
        '"' | '/' => letter,
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        _ => return None,
    })
}

fn write_escape(out: &mut Vec<u8>, byte: u8) {
    match byte {
        b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        _ => {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]);
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_written_as_serde_json_reads_them() {
        for text in ["", "plain", "\"\\/\n\r\t\u{8}\u{c}\u{0}\u{1f}\u{7f}", "ä€😀", "a\"", "\\"]
        {
            let mut out = Vec::new();
            write_string(&mut out, text);
            assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }

    #[test]
    fn escapes_are_taken_off_as_serde_json_does() {
        for raw in [
            r"",
            r"\u0069nput",
            r"a\\b\\\\c\\",
            r"\\u0041",
            r"\\\u0041",
            r#"\"\/\b\f\n\r\t"#,
            r"\ud83d\ude00!",
            r"\ud83d",
            r"\ud83d\ud83d",
            r"\ud83dx\ude00",
            r"\ude00",
            r"\ud83d\n",
            r"\ud83d\\",
            r"\u00e4ä\u20ac",
        ] {
            let expected = serde_json::from_str::<String>(&format!("\"{raw}\"")).ok();
            assert_eq!(unescape(raw), expected, "{raw}");
        }
    }
}
