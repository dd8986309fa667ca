//! Foreign text in a log line.

use std::fmt::Write;

/// Longest foreign text that a line repeats, in bytes; the rest is cut off with a note.
const MAX_FOREIGN_BYTES: usize = 2048;

/// Makes `text` fit into one line of a log: control characters are escaped, as in `\n`, and more
/// than 2 KiB are cut off.
///
/// Nothing in it can then start a line of its own or steer a terminal.
pub fn one_line(text: &str) -> String {
    let text = text.trim_end();
    let end = last_boundary(text, MAX_FOREIGN_BYTES);
    let mut line = String::with_capacity(end);
    for character in text[..end].chars() {
        if character.is_control() {
            line.extend(character.escape_debug());
        } else {
            line.push(character);
        }
    }
    if end < text.len() {
        // Writing to a string does not fail.
        let _ = write!(line, " … ({} more bytes)", text.len() - end);
    }
    line
}

/// The last place at or before `at` where `text` can be cut.
fn last_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_the_rest_is_kept() {
        for (text, expected) in [
            ("plain", "plain"),
            ("größer 中", "größer 中"),
            ("Traceback:\n  File \"x\"\n", "Traceback:\\n  File \"x\""),
            ("a\r\x1b[31mred", "a\\r\\u{1b}[31mred"),
            ("a\\n", "a\\n"),
            ("", ""),
        ] {
            assert_eq!(one_line(text), expected);
        }
    }

    #[test]
    fn long_text_is_cut_between_characters_and_says_how_much_is_missing() {
        let text = "ä".repeat(2000);
        let line = one_line(&text);
        assert!(line.ends_with(" … (1952 more bytes)"), "{line}");
        assert!(line.starts_with(&"ä".repeat(1024)));
    }
}
