//! Protocol buffers as text, of which a `config.pbtxt` is written: fields, messages, lists, comments.
//!
//! Source: protobuf.dev, "Text Format Language Specification". What a model's configuration never has is
//! left out: extensions, `Any`, and numbers are kept as they are written.

/// Messages within messages; Triton's nest five deep.
const DEEPEST: usize = 16;

/// The fields of a message in their order; a repeated one is there several times.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Message(pub(super) Vec<(String, Value)>);

/// The value of a field.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Message(Message),
    /// A string.
    Text(String),
    /// A number, a boolean or the name of an enum's value, as it is written.
    Word(String),
}

/// Reads a whole text.
///
/// # Errors
/// What was expected, and in which line.
pub(super) fn parse(text: &str) -> Result<Message, String> {
    let mut reader = Reader { text, rest: text };
    let message = reader.fields(None, 0);
    message.map_err(|expected| format!("line {}: expected {expected}", reader.line()))
}

struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
}

impl Reader<'_> {
    /// The fields up to `end`, or to that of the text.
    fn fields(&mut self, end: Option<char>, depth: usize) -> Result<Message, &'static str> {
        if depth == DEEPEST {
            return Err("fewer messages within each other");
        }
        let mut fields = Vec::new();
        loop {
            self.skip_space();
            match (self.rest.chars().next(), end) {
                (None, None) => return Ok(Message(fields)),
                (None, Some(_)) => return Err("the end of a message"),
                (Some(next), Some(end)) if next == end => {
                    self.take(end);
                    return Ok(Message(fields));
                }
                _ => {}
            }
            let name = self.word().ok_or("the name of a field")?;
            self.field(name, depth, &mut fields)?;
            let _separator = self.take(',') || self.take(';');
        }
    }

    fn field(
        &mut self,
        name: String,
        depth: usize,
        fields: &mut Vec<(String, Value)>,
    ) -> Result<(), &'static str> {
        let has_colon = self.take(':');
        if !self.take('[') {
            let value = self.value(has_colon, depth)?;
            fields.push((name, value));
            return Ok(());
        }
        if self.take(']') {
            return Ok(());
        }
        loop {
            let value = self.value(has_colon, depth)?;
            fields.push((name.clone(), value));
            if self.take(']') {
                return Ok(());
            }
            if !self.take(',') {
                return Err(", or ] after an item of a list");
            }
        }
    }

    /// Messages may stand without a colon, anything else may not.
    fn value(&mut self, has_colon: bool, depth: usize) -> Result<Value, &'static str> {
        for (begin, end) in [('{', '}'), ('<', '>')] {
            if self.take(begin) {
                return self.fields(Some(end), depth + 1).map(Value::Message);
            }
        }
        if !has_colon {
            return Err(": or { after the name of a field");
        }
        match self.rest.chars().next() {
            Some(quote @ ('"' | '\'')) => self.texts(quote).map(Value::Text),
            _ => self.word().map(Value::Word).ok_or("a value"),
        }
    }

    /// Strings that stand one after the other are one.
    fn texts(&mut self, first: char) -> Result<String, &'static str> {
        let mut text = String::new();
        let mut quote = first;
        while self.take(quote) {
            self.text(quote, &mut text)?;
            self.skip_space();
            quote = match self.rest.chars().next() {
                Some(next @ ('"' | '\'')) => next,
                _ => break,
            };
        }
        Ok(text)
    }

    fn text(&mut self, quote: char, text: &mut String) -> Result<(), &'static str> {
        let mut chars = self.rest.chars();
        loop {
            match chars.next() {
                None | Some('\n') => return Err("a quote at the end of a string"),
                Some('\\') => text.push(match chars.next() {
                    Some('n') => '\n',
                    Some('t') => '\t',
                    Some('r') => '\r',
                    Some(plain @ ('\\' | '\'' | '"')) => plain,
                    _ => return Err("an escape such as \\n, \\t, \\\\ or \\\""),
                }),
                Some(end) if end == quote => break,
                Some(plain) => text.push(plain),
            }
        }
        self.rest = chars.as_str();
        Ok(())
    }

    /// A name or a number.
    fn word(&mut self) -> Option<String> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '+' | '-');
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!word.is_empty()).then(|| word.to_owned())
    }

    /// Takes `wanted` if it is next after space.
    fn take(&mut self, wanted: char) -> bool {
        self.skip_space();
        let rest = self.rest.strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some() && {
            self.skip_space();
            true
        }
    }

    fn skip_space(&mut self) {
        loop {
            self.rest = self.rest.trim_start();
            match self.rest.strip_prefix('#') {
                Some(comment) => {
                    self.rest = comment.split_once('\n').map_or("", |(_, rest)| rest);
                }
                None => return,
            }
        }
    }

    /// The number of the line where it stands.
    fn line(&self) -> usize {
        let read = self.text.len() - self.rest.len();
        self.text.as_bytes()[..read].iter().filter(|byte| **byte == b'\n').count() + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str) -> Value {
        Value::Word(text.to_owned())
    }

    fn message(fields: &[(&str, Value)]) -> Message {
        Message(fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
    }

    #[test]
    fn every_way_to_write_a_field_is_read() {
        for (text, expected) in [
            ("", message(&[])),
            ("a: 1 # one\nb: -2.5", message(&[("a", word("1")), ("b", word("-2.5"))])),
            ("a: \"x\\n\" 'y'", message(&[("a", Value::Text("x\ny".to_owned()))])),
            ("a: [ 1, 2 ]; c: []", message(&[("a", word("1")), ("a", word("2"))])),
            (
                "a { b: TYPE_FP32 }",
                message(&[("a", Value::Message(message(&[("b", word("TYPE_FP32"))])))]),
            ),
            (
                "a [ { b: 1 }, < > ]",
                message(&[
                    ("a", Value::Message(message(&[("b", word("1"))]))),
                    ("a", Value::Message(message(&[]))),
                ]),
            ),
            ("a: {}", message(&[("a", Value::Message(message(&[])))])),
        ] {
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, told) in [
            ("a", "line 1: expected : or {"),
            ("\na 1", "line 2: expected : or {"),
            ("a: ", "line 1: expected a value"),
            ("a {\n b: 1", "line 2: expected the end of a message"),
            ("a: [1 2]", "expected , or ]"),
            ("a: \"x", "expected a quote"),
            ("a: \"\\q\"", "expected an escape"),
            ("}", "expected the name of a field"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(told) || error.contains(told), "{text}: {error}");
        }
        let deep = format!("{}{}", "a {".repeat(100), "}".repeat(100));
        assert!(parse(&deep).unwrap_err().contains("fewer messages"));
    }
}
