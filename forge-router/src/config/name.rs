//! The names clients call models by.

use std::borrow::Borrow;
use std::fmt;

const MAX_LENGTH: usize = 128;

/// 1 to 128 of the characters `A-Z a-z 0-9 . _ -`, so that it stands in a path and in a metric as
/// it is. `.` and `..` are no names: clients resolve them before they send a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelName(String);

/// A text that names no model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no model name: 1 to 128 of A-Z a-z 0-9 . _ - are allowed")]
pub struct InvalidModelName(String);

impl ModelName {
    pub fn parse(name: &str) -> Result<Self, InvalidModelName> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let fits = (1..=MAX_LENGTH).contains(&name.len()) && name.chars().all(allowed);
        if fits && name != "." && name != ".." {
            Ok(Self(name.to_owned()))
        } else {
            Err(InvalidModelName(name.to_owned()))
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

impl AsRef<str> for ModelName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for ModelName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_to_their_alphabet_and_length() {
        let longest = "x".repeat(MAX_LENGTH);
        for good in ["a", "resnet-50_v1.2", "0", ".hidden", "...", &longest] {
            assert_eq!(ModelName::parse(good).unwrap().as_str(), good);
        }
        let too_long = "x".repeat(MAX_LENGTH + 1);
        for bad in ["", ".", "..", "a b", "a/b", "ü", "a\n", &too_long] {
            assert!(ModelName::parse(bad).is_err(), "{bad:?}");
        }
    }
}
