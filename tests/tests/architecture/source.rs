//! Reading Rust source without a parser: comments and literals are told from code, and that is all
//! these rules need.

use std::fs;
use std::path::{Path, PathBuf};

/// One file of the project.
#[derive(Clone, Debug, Default)]
pub(crate) struct Source {
    /// Relative to the workspace's root, with `/`.
    pub(crate) path: String,
    /// As it was read.
    pub(crate) text: String,
    /// The text with comments and the contents of literals blanked out, line by line in place.
    pub(crate) code: String,
    /// The contents of its string literals.
    pub(crate) strings: Vec<String>,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Source {
        let (code, strings) = split(text);
        Source { path: path.to_owned(), text: text.to_owned(), code, strings }
    }

    /// The code before the file's tests, which come last; nothing of a file that is all tests.
    pub(crate) fn production_code(&self) -> &str {
        if self.path.ends_with("/tests.rs") {
            return "";
        }
        let end = self.code.find("#[cfg(test)]\nmod tests {").or_else(|| {
            // Tests that lend their helpers to a sibling.
            self.code.find("#[cfg(test)]\npub(super) mod tests {")
        });
        &self.code[..end.unwrap_or(self.code.len())]
    }

    /// How many modules lie between this file and its crate's root, itself included.
    pub(crate) fn depth(&self) -> usize {
        let within = self.path.split_once("src/").map_or("", |(_, within)| within);
        let parts = within.trim_end_matches(".rs").split('/');
        parts.filter(|part| !["", "mod", "lib", "main"].contains(part)).count()
    }
}

/// The workspace's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every Rust file under these folders of the workspace, in order.
pub(crate) fn rust_files(folders: &[&str]) -> Vec<Source> {
    let mut paths = Vec::new();
    for folder in folders {
        collect(&root().join(folder), &mut paths);
    }
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let relative = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
        Source::new(&relative, &text)
    };
    paths.into_iter().map(read).collect()
}

fn collect(path: &Path, into: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            collect(&entry.unwrap().path(), into);
        }
    } else if path.extension().is_some_and(|extension| extension == "rs") {
        into.push(path.to_owned());
    }
}

/// Blanks comments and literals out of `text` and returns the string literals beside it.
fn split(text: &str) -> (String, Vec<String>) {
    let mut code = String::with_capacity(text.len());
    let mut strings = Vec::new();
    let mut rest = text;
    let mut previous = ' ';
    while let Some(first) = rest.chars().next() {
        let is_in_word = previous.is_alphanumeric() || previous == '_';
        let token = Token::at(rest, is_in_word);
        let (taken, left) = rest.split_at(token.length(first));
        match token {
            Token::Code => code.push_str(taken),
            Token::Blank(_) => blank(taken, &mut code),
            Token::String { length: _, content: (from, to) } => {
                strings.push(taken[from..to].to_owned());
                blank(taken, &mut code);
            }
        }
        previous = first;
        rest = left;
    }
    (code, strings)
}

enum Token {
    /// One character of code.
    Code,
    /// A comment or a character literal, so many bytes long.
    Blank(usize),
    /// A string literal and where in it the content lies.
    String { length: usize, content: (usize, usize) },
}

impl Token {
    fn at(rest: &str, is_in_word: bool) -> Token {
        if rest.starts_with("//") {
            return Token::Blank(rest.find('\n').unwrap_or(rest.len()));
        }
        if rest.starts_with("/*") {
            return Token::Blank(block_comment(rest));
        }
        if rest.starts_with('\'') {
            return char_literal(rest).map_or(Token::Code, Token::Blank);
        }
        if rest.starts_with('"') {
            return string(rest, 1, "\"", true);
        }
        let raw = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'));
        let Some(raw) = raw.filter(|_| !is_in_word) else { return Token::Code };
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if !raw[hashes..].starts_with('"') {
            return Token::Code;
        }
        let opening = rest.len() - raw.len() + hashes + 1;
        string(rest, opening, &format!("\"{}", "#".repeat(hashes)), false)
    }

    fn length(&self, first: char) -> usize {
        match self {
            Token::Code => first.len_utf8(),
            Token::Blank(length) | Token::String { length, .. } => *length,
        }
    }
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest.as_bytes()[at..].starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.as_bytes()[at..].starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// Length of the literal, or `None` where the quote begins a lifetime.
fn char_literal(rest: &str) -> Option<usize> {
    if let Some(escaped) = rest.strip_prefix("'\\") {
        // The escaped character itself may be a quote.
        let after = escaped.char_indices().nth(1)?.0;
        return escaped[after..].find('\'').map(|end| 2 + after + end + 1);
    }
    let mut characters = rest.char_indices().skip(2);
    characters.next().filter(|(_, closing)| *closing == '\'').map(|(at, _)| at + 1)
}

fn string(rest: &str, opening: usize, closing: &str, has_escapes: bool) -> Token {
    let mut at = opening;
    while at < rest.len() && !rest.as_bytes()[at..].starts_with(closing.as_bytes()) {
        at += if has_escapes && rest.as_bytes()[at] == b'\\' { 2 } else { 1 };
    }
    let end = at.min(rest.len());
    Token::String { length: (at + closing.len()).min(rest.len()), content: (opening, end) }
}

/// Spaces for characters, so that lines and columns stay where they are.
fn blank(text: &str, code: &mut String) {
    code.extend(text.chars().map(|character| if character == '\n' { '\n' } else { ' ' }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_not_code() {
        for (text, expected) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            (r#"x("y // \" z") w"#, "x(           ) w"),
            (r##"r#"a "b" c"# d"##, "             d"),
            ("bar\"x\"", "bar   "),
            ("'a' 'b: &'c", "    'b: &'c"),
            (r"'\'' '\u{1b}' d", "              d"),
        ] {
            assert_eq!(Source::new("", text).code, expected, "{text}");
        }
    }

    #[test]
    fn string_contents_are_kept_apart() {
        let source = Source::new("", r##"f("one", r#"tw"o"#, b"three", 'x', "a\"b")"##);
        assert_eq!(source.strings, ["one", "tw\"o", "three", "a\\\"b"]);
    }

    #[test]
    fn the_depth_of_a_file_counts_modules() {
        for (path, depth) in [
            ("forge-router/src/lib.rs", 0),
            ("forge-router/src/http/mod.rs", 1),
            ("forge-router/src/http/v1/predict.rs", 3),
            ("forge-router/src/tensor.rs", 1),
        ] {
            assert_eq!(Source::new(path, "").depth(), depth, "{path}");
        }
    }
}
