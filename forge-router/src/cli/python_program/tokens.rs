//! Python's text as tokens, as far as finding calls and assignments needs it.
//!
//! Nothing is an error here: a text that is not quite Python gives tokens that are not quite right.

/// A piece of a program and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// Its bytes in the text.
    pub(super) start: usize,
    pub(super) end: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Name(String),
    /// As it is written.
    Number(String),
    /// `None` where the value is only known when the program runs (`f"…"`), or is no text (`b"…"`).
    Text(Option<String>),
    /// An operator or a bracket: one character, but for those that would be taken for `=`.
    Sign(&'static str),
    /// The end of a statement's line.
    Newline,
}

const SIGNS: [&str; 38] = [
    "**=", "//=", ">>=", "<<=", "==", "!=", "<=", ">=", ":=", "+=", "-=", "*=", "/=", "%=", "@=",
    "&=", "|=", "^=", "->", "(", ")", "[", "]", "{", "}", ",", ":", ";", ".", "=", "+", "-", "*",
    "/", "%", "@", "<", ">",
];

/// Splits a program into tokens; comments and the line breaks within brackets are left out.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let (kind, length) = if first == '\n' {
            ((depth == 0).then_some(Kind::Newline), 1)
        } else if first == '#' {
            (None, rest.find('\n').unwrap_or(rest.len()))
        } else if let Some(continued) = line_continuation(rest) {
            (None, continued)
        } else if let Some((value, length)) = string(rest) {
            (Some(Kind::Text(value)), length)
        } else if first.is_ascii_digit() || rest.starts_with('.') && digit_follows(rest) {
            let length = number(rest);
            (Some(Kind::Number(rest[..length].to_owned())), length)
        } else if is_word(first) {
            let length = rest.find(|character| !is_word(character)).unwrap_or(rest.len());
            (Some(Kind::Name(rest[..length].to_owned())), length)
        } else if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            (Some(Kind::Sign(sign)), sign.len())
        } else {
            (None, first.len_utf8())
        };
        match kind {
            Some(Kind::Sign("(" | "[" | "{")) => depth += 1,
            Some(Kind::Sign(")" | "]" | "}")) => depth = depth.saturating_sub(1),
            _ => {}
        }
        tokens.extend(kind.map(|kind| Token { kind, start: at, end: at + length }));
        at += length;
    }
    tokens
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn digit_follows(rest: &str) -> bool {
    rest[1..].starts_with(|character: char| character.is_ascii_digit())
}

fn line_continuation(rest: &str) -> Option<usize> {
    ["\\\n", "\\\r\n"].into_iter().find(|broken| rest.starts_with(broken)).map(str::len)
}

/// `1_000`, `0x1F`, `2.5e-3`: its length.
fn number(rest: &str) -> usize {
    let is_hexadecimal = rest.starts_with("0x") || rest.starts_with("0X");
    let mut previous = '0';
    let ends = |character: char| {
        let is_sign = matches!(character, '+' | '-') && matches!(previous, 'e' | 'E');
        let goes_on = is_word(character) || character == '.' || is_sign && !is_hexadecimal;
        previous = character;
        !goes_on
    };
    rest.find(ends).unwrap_or(rest.len())
}

/// A literal with its prefix: its value, where that is known, and its length.
fn string(rest: &str) -> Option<(Option<String>, usize)> {
    let quote_at = rest.bytes().take(3).position(|byte| matches!(byte, b'"' | b'\''))?;
    let prefix = rest[..quote_at].to_ascii_lowercase();
    if !["", "r", "u", "b", "f", "t", "rb", "br", "rf", "fr", "rt", "tr"].contains(&&*prefix) {
        return None;
    }
    let quote = &rest[quote_at..=quote_at];
    let triple = quote.repeat(3);
    let is_triple = rest[quote_at..].starts_with(&triple);
    let closing = if is_triple { &triple } else { quote };
    let start = quote_at + closing.len();

    let mut at = start;
    while at < rest.len() && !rest[at..].starts_with(closing) {
        // An unclosed literal ends with its line, so that it hides no more than that.
        if !is_triple && rest[at..].starts_with('\n') {
            return Some((None, at));
        }
        let escaped = usize::from(rest[at..].starts_with('\\'));
        at += rest[at..].chars().take(1 + escaped).map(char::len_utf8).sum::<usize>();
    }
    let content = &rest[start..at];
    let value = match &*prefix {
        "" | "u" => unescape(content),
        "r" => Some(content.to_owned()),
        _ => None,
    };
    Some((value, rest.len().min(at + closing.len())))
}

/// `None` where there is an escape that nobody writes in a model's name or a device.
fn unescape(content: &str) -> Option<String> {
    let mut value = String::with_capacity(content.len());
    let mut characters = content.chars();
    while let Some(character) = characters.next() {
        let plain = match character {
            '\\' => match characters.next()? {
                '\n' => continue,
                'n' => '\n',
                't' => '\t',
                same @ ('\\' | '\'' | '"') => same,
                _ => return None,
            },
            other => other,
        };
        value.push(plain);
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let show = |token: Token| match token.kind {
            Kind::Name(name) => name,
            Kind::Number(number) => format!("#{number}"),
            Kind::Text(Some(text)) => format!("'{text}'"),
            Kind::Text(None) => "'?'".to_owned(),
            Kind::Sign(sign) => sign.to_owned(),
            Kind::Newline => "⏎".to_owned(),
        };
        tokens(text).into_iter().map(show).collect()
    }

    #[test]
    fn names_numbers_and_signs_are_told_apart() {
        assert_eq!(
            shown("a.b(c=1_0,-2.5e-3)"),
            ["a", ".", "b", "(", "c", "=", "#1_0", ",", "-", "#2.5e-3", ")"]
        );
        assert_eq!(shown("a==b+=c:=1-2"), ["a", "==", "b", "+=", "c", ":=", "#1", "-", "#2"]);
        assert_eq!(shown(".5 0x1F"), ["#.5", "#0x1F"]);
    }

    #[test]
    fn comments_and_breaks_within_brackets_are_left_out() {
        assert_eq!(
            shown("a # b\n(c, # d)\n e)\nf \\\n g"),
            ["a", "⏎", "(", "c", ",", "e", ")", "⏎", "f", "g"]
        );
    }

    #[test]
    fn every_kind_of_string_is_one_token() {
        for (text, value) in [
            ("'a'", "'a'"),
            (r#""it's""#, "'it's'"),
            (r"'it\'s'", "'it's'"),
            (r"r'\d'", r"'\d'"),
            ("'''a\n'b' # c'''", "'a\n'b' # c'"),
            ("f'{a}'", "'?'"),
            ("b'a'", "'?'"),
            (r"'\x41'", "'?'"),
            ("''", "''"),
        ] {
            assert_eq!(shown(text), [value], "{text}");
        }
    }

    #[test]
    fn what_is_not_closed_ends_somewhere() {
        assert_eq!(shown("'a\nb"), ["'?'", "⏎", "b"]);
        assert_eq!(shown("'''a\nb"), ["'a\nb'"]);
        assert_eq!(shown("'a\\"), ["'?'"]);
        assert_eq!(shown(")) a\nü"), [")", ")", "a", "⏎", "ü"]);
    }
}
