//! Links between the pages of the documentation: where they lead must exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::source::root;

/// Every page of the project, relative to its root.
pub(crate) fn pages() -> Vec<String> {
    let mut pages = Vec::new();
    collect(&root(), &mut pages);
    pages.sort();
    let relative = |page: PathBuf| page.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
    pages.into_iter().map(relative).collect()
}

/// What is wrong with the links of a page, one sentence each.
pub(crate) fn dead_links(page: &str, text: &str) -> Vec<String> {
    links(text).into_iter().filter_map(|link| dead(page, text, &link)).collect()
}

fn dead(page: &str, text: &str, link: &str) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = link.split_once('#').map_or((link, None), |(file, at)| (file, Some(at)));
    let folder = Path::new(page).parent().unwrap_or(Path::new(""));
    let target = root().join(folder).join(file);
    if !file.is_empty() && !target.exists() {
        return Some(format!("{page} links to {link}, which does not exist"));
    }
    let anchor = anchor?;
    let own = file.is_empty().then(|| text.to_owned());
    let text = own.unwrap_or_else(|| fs::read_to_string(&target).unwrap_or_default());
    let missing = !anchors(&text).contains(anchor);
    missing.then(|| format!("{page} links to {link}, but there is no such heading"))
}

/// Where `[…](…)` leads, outside of code.
fn links(text: &str) -> Vec<String> {
    let prose = prose(text);
    let targets = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    targets.map(|(target, _)| target.trim().to_owned()).collect()
}

/// The anchors of the headings, as GitHub makes them: small letters, digits, `-` and `_`, with `-`
/// for each space.
fn anchors(text: &str) -> BTreeSet<String> {
    let anchor = |heading: &str| -> String {
        let letter = |letter: char| match letter {
            ' ' => Some('-'),
            '-' | '_' => Some(letter),
            letter => letter.is_alphanumeric().then(|| letter.to_ascii_lowercase()),
        };
        heading.trim().chars().filter_map(letter).collect()
    };
    let headings = without_code_blocks(text).filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#'))).collect()
}

/// The text without code, in blocks or within lines.
fn prose(text: &str) -> String {
    let mut prose = String::new();
    for line in without_code_blocks(text) {
        for outside in line.split('`').step_by(2) {
            prose.push_str(outside);
        }
        prose.push('\n');
    }
    prose
}

fn without_code_blocks(text: &str) -> impl Iterator<Item = &str> {
    let mut in_block = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        in_block ^= is_fence;
        !in_block && !is_fence
    })
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_symlink() || name == "target" || name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            collect(&path, into);
        } else if name.ends_with(".md") {
            into.push(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_link_is_found_and_a_good_one_is_not() {
        let page = "# One `two`, three\n[a](README.md) [b](#one-two-three) `[c](nowhere)`\n\
                    ```\n# four\n[d](nowhere)\n```\n[e](https://example.org/nowhere)\n";
        assert_eq!(dead_links("README.md", page), [""; 0]);
        for link in ["nowhere.md", "#four", "docs/http.md#nowhere", "../README.md"] {
            let page = format!("# one\n[a]({link})\n");
            assert_eq!(dead_links("README.md", &page).len(), 1, "{link}");
        }
    }
}
