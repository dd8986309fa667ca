//! Everything that can be wrong with a config; always the operator's to mend.

use std::cell::RefCell;
use std::fmt;
use std::path::PathBuf;

use toml::Value;

/// How alike two words must be for one to be taken for the other misspelt (Jaro-Winkler, 0 to 1).
const ALIKE: f64 = 0.8;

/// Longest value and list that a message repeats, in characters and items.
const LONGEST_VALUE: usize = 100;
const LONGEST_LIST: usize = 16;

/// Why there is no config.
#[derive(Debug, thiserror::Error)]
pub enum ConfigErrors {
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    /// The source names line and column and shows the line.
    #[error("{}: {}", path.display(), source.to_string().trim_end())]
    Syntax { path: PathBuf, source: toml::de::Error },
    /// Every setting that is wrong, in the order of the file's tables.
    #[error("{origin}: {}", list(problems))]
    Invalid { origin: String, problems: Vec<Problem> },
}

/// One setting that is wrong. `key` is its path, as in `models.sentiment.max_batch_size`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("{key}: unknown key{}", advice(suggestion.as_deref(), allowed))]
    UnknownKey { key: String, suggestion: Option<String>, allowed: Vec<String> },
    #[error("{key}: found {found}, allowed is {allowed}{}", suggest(suggestion.as_deref()))]
    Value { key: String, found: String, allowed: String, suggestion: Option<String> },
    #[error("{key}: missing: {needed}")]
    Missing { key: String, needed: String },
    /// The value is a good one by itself, but not together with something else.
    #[error("{key}: {cause}")]
    Conflict { key: String, cause: String },
}

impl Problem {
    /// The path of the key that is wrong.
    pub fn key(&self) -> &str {
        match self {
            Self::UnknownKey { key, .. }
            | Self::Value { key, .. }
            | Self::Missing { key, .. }
            | Self::Conflict { key, .. } => key,
        }
    }
}

/// Where the readers put what they find, so that reading goes on after the first.
#[derive(Debug, Default)]
pub(super) struct Problems(RefCell<Vec<Problem>>);

impl Problems {
    pub(super) fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// Whether something is wrong with the key or below it.
    pub(super) fn concern(&self, key: &str) -> bool {
        let below = |found: &str| {
            found
                .strip_prefix(key)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        self.0.borrow().iter().any(|problem| below(problem.key()))
    }

    pub(super) fn value(
        &self,
        key: &str,
        found: &Value,
        allowed: impl Into<String>,
        suggestion: Option<String>,
    ) {
        let (key, found) = (key.to_owned(), describe(found));
        self.add(Problem::Value { key, found, allowed: allowed.into(), suggestion });
    }

    pub(super) fn missing(&self, key: &str, needed: &str) {
        self.add(Problem::Missing { key: key.to_owned(), needed: needed.to_owned() });
    }

    pub(super) fn conflict(&self, key: &str, cause: impl Into<String>) {
        self.add(Problem::Conflict { key: key.to_owned(), cause: cause.into() });
    }

    pub(super) fn unknown_key(&self, section: &str, key: &str, allowed: &[&str]) {
        let suggestion = closest(key, allowed).map(str::to_owned);
        let allowed = allowed.iter().map(|&key| key.to_owned()).collect();
        self.add(Problem::UnknownKey { key: join(section, key), suggestion, allowed });
    }

    pub(super) fn into_errors(self, origin: String) -> ConfigErrors {
        ConfigErrors::Invalid { origin, problems: self.0.into_inner() }
    }

    pub(super) fn into_first(self) -> Option<Problem> {
        self.0.into_inner().into_iter().next()
    }

    fn add(&self, problem: Problem) {
        self.0.borrow_mut().push(problem);
    }
}

/// The path of `key` within `section`, quoted where TOML wants quotes.
pub(super) fn join(section: &str, key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let key = match key {
        "" => "\"\"".to_owned(),
        key if key.chars().all(is_bare) => key.to_owned(),
        key => format!("{key:?}"),
    };
    if section.is_empty() { key } else { format!("{section}.{key}") }
}

/// The candidate that `word` was probably meant to be.
pub(super) fn closest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let word = word.to_lowercase();
    let score = |candidate: &str| strsim::jaro_winkler(&word, candidate);
    let best = candidates.iter().max_by(|one, other| score(one).total_cmp(&score(other)))?;
    (score(best) >= ALIKE).then_some(*best)
}

/// A value as the file has it; of what is long only what it is.
fn describe(value: &Value) -> String {
    let shown = match value {
        Value::String(text) => format!("{text:?}"),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => format!("{number:?}").to_lowercase(),
        Value::Boolean(flag) => flag.to_string(),
        Value::Datetime(time) => time.to_string(),
        Value::Array(items) if items.len() <= LONGEST_LIST => {
            format!("[{}]", items.iter().map(describe).collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Table(_) => "a table".to_owned(),
    };
    match shown.char_indices().nth(LONGEST_VALUE) {
        Some((end, _)) => format!("{}…", &shown[..end]),
        None => shown,
    }
}

fn advice(suggestion: Option<&str>, allowed: &[String]) -> String {
    match suggestion {
        Some(_) => suggest(suggestion),
        None if allowed.is_empty() => String::new(),
        None => format!("; allowed here: {}", allowed.join(", ")),
    }
}

fn suggest(suggestion: Option<&str>) -> String {
    suggestion.map(|meant| format!("; did you mean {meant}?")).unwrap_or_default()
}

fn list(problems: &[Problem]) -> String {
    let mut text = match problems.len() {
        0 => "no model is named".to_owned(),
        1 => "1 error".to_owned(),
        count => format!("{count} errors"),
    };
    for problem in problems {
        // Writing to a string cannot fail.
        let _ = fmt::Write::write_fmt(&mut text, format_args!("\n  {problem}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_paths_are_quoted_as_toml_wants_them() {
        for (section, key, path) in [
            ("", "server", "server"),
            ("models", "a-b_1", "models.a-b_1"),
            ("models", "v1.2", "models.\"v1.2\""),
            ("models", "", "models.\"\""),
        ] {
            assert_eq!(join(section, key), path);
        }
    }

    #[test]
    fn only_a_likely_misspelling_is_suggested() {
        let keys = ["max_batch_size", "max_queue_depth", "path", "device", "devices"];
        for (word, meant) in [
            ("max_batch_sze", Some("max_batch_size")),
            ("Path", Some("path")),
            ("divice", Some("device")),
            ("temperature", None),
            ("", None),
        ] {
            assert_eq!(closest(word, &keys), meant, "{word}");
        }
    }

    #[test]
    fn a_problem_concerns_its_key_and_what_is_above() {
        let problems = Problems::default();
        problems.conflict("models.a.inputs[1].name", "");
        for (key, concerned) in [
            ("models.a.inputs", true),
            ("models.a.inputs[1].name", true),
            ("models.a", true),
            ("models.a.input", false),
            ("models.b", false),
        ] {
            assert_eq!(problems.concern(key), concerned, "{key}");
        }
    }
}
