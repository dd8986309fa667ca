//! Names in paths, which clients quote as they like (RFC 3986, section 2.1).

use std::borrow::Cow;

/// What a segment of a path says; `None` where it is empty, or its percent-encoding is none of UTF-8.
pub fn name(segment: &str) -> Option<Cow<'_, str>> {
    if segment.is_empty() {
        return None;
    }
    if !segment.contains('%') {
        return Some(Cow::Borrowed(segment));
    }
    let mut bytes = Vec::with_capacity(segment.len());
    let mut parts = segment.split('%');
    bytes.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
    for part in parts {
        let digits = part.get(..2).filter(|digits| digits.bytes().all(|it| it.is_ascii_hexdigit()));
        bytes.push(u8::from_str_radix(digits?, 16).ok()?);
        bytes.extend_from_slice(part.get(2..)?.as_bytes());
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unquoted() {
        for (segment, expected) in [
            ("dummy", Some("dummy")),
            ("dum%6Dy", Some("dummy")),
            ("%64ummy", Some("dummy")),
            ("a%2Fb", Some("a/b")),
            ("a+b", Some("a+b")),
            ("%CE%BB", Some("λ")),
            ("", None),
            ("a%", None),
            ("a%2", None),
            ("a%+1", None),
            ("a%zz", None),
            ("%ff", None),
        ] {
            assert_eq!(name(segment).as_deref(), expected, "{segment}");
        }
    }
}
