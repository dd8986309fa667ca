//! What a piece of code names: words, and what lies under a path's root.

use std::collections::BTreeSet;

/// Something that code may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Name {
    /// This identifier, wherever it stands.
    Word(&'static str),
    /// `root::name`, also as one of `root::{name, …}`.
    Under(&'static str, &'static str),
}

impl Name {
    /// Whether `code`, at `depth` modules below its crate's root, names this.
    pub(crate) fn is_named_in(self, code: &str, depth: usize) -> bool {
        match self {
            Name::Word(word) => words(code).any(|(_, found)| found == word),
            Name::Under("crate", module) => modules_named(code, depth).contains(module),
            Name::Under(root, name) => named_under(code, root).contains(name),
        }
    }
}

/// The modules at the crate's root that `code` names, by `crate::` or by climbing with `super::`.
pub(crate) fn modules_named(code: &str, depth: usize) -> BTreeSet<String> {
    let mut modules = named_under(code, "crate");
    let climb = "super::".repeat(depth.max(1));
    for (at, _) in code.match_indices(&climb) {
        let rest = code[at + climb.len()..].trim_start();
        // More supers follow: this match is not the end of the climb.
        if !rest.starts_with("super::") {
            modules.extend(first_segments(rest));
        }
    }
    modules
}

/// The identifiers of `code` and where they begin.
pub(crate) fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + code[at..].find(is_word)?;
        let length = code[start..].find(|character| !is_word(character));
        at = length.map_or(code.len(), |length| start + length);
        Some((start, &code[start..at]))
    })
}

fn named_under(code: &str, root: &str) -> BTreeSet<String> {
    let starts = words(code).filter(|(_, word)| *word == root).map(|(at, word)| at + word.len());
    let paths = starts.filter_map(|end| code[end..].trim_start().strip_prefix("::"));
    paths.flat_map(first_segments).collect()
}

/// The first identifiers of a path or of each branch of a `{…}` group.
fn first_segments(path: &str) -> Vec<String> {
    let path = path.trim_start();
    let Some(group) = path.strip_prefix('{') else {
        return words(path).next().map(|(_, word)| word.to_owned()).into_iter().collect();
    };
    let mut segments = Vec::new();
    let mut depth = 0;
    let mut branch = String::new();
    for character in group.chars() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => segments.extend(first_segments(&std::mem::take(&mut branch))),
            _ if depth == 0 => branch.push(character),
            _ => {}
        }
    }
    segments.extend(first_segments(&branch));
    segments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_groups_and_climbs_are_followed() {
        for (code, depth, expected) in [
            ("use crate::supervisor::Actor;", 1, vec!["supervisor"]),
            ("use crate::{http, model::{Version, config}, tensor as t};", 1, {
                vec!["http", "model", "tensor"]
            }),
            ("fn f() { crate :: dispatch::serve() }", 1, vec!["dispatch"]),
            ("use super::super::supervisor::Actor;", 2, vec!["supervisor"]),
            ("use super::sibling::Thing;", 2, vec![]),
            ("use super::{a, b};", 1, vec!["a", "b"]),
        ] {
            let named = modules_named(code, depth);
            assert!(named.iter().eq(expected.iter()), "{code} names {named:?}");
        }
    }

    #[test]
    fn a_word_is_a_whole_identifier() {
        assert!(Name::Word("tch").is_named_in("use tch::CModule;", 1));
        assert!(!Name::Word("tch").is_named_in("let dispatch = watch(tch_like);", 1));
        assert!(Name::Under("Instant", "now").is_named_in("Instant::now()", 1));
        assert!(!Name::Under("Instant", "now").is_named_in("now: Instant", 1));
        assert!(Name::Under("std", "fs").is_named_in("use std::{fmt, fs::File};", 1));
    }
}
