//! `labels` of a model: what its classes are called.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::locate;
use super::section::Section;

/// Far more than any list of classes takes.
const MOST_BYTES: u64 = 16 << 20;

/// A file with the name of a class on each line, the first for class 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    /// Absolute, symlinks resolved.
    pub path: PathBuf,
    names: Arc<[String]>,
}

impl Labels {
    /// The name of a class; `None` past the end of the file.
    pub fn name(&self, class: usize) -> Option<&str> {
        self.names.get(class).map(String::as_str)
    }
}

/// Reads `labels` of a model and the file it names; relative paths start at `directory`.
pub(super) fn read(section: &mut Section<'_>, directory: &Path) -> Option<Labels> {
    let given = section.text("labels", "the path of a text file")?;
    let told = |cause| section.problems().conflict(&section.key("labels"), cause);
    load(&directory.join(given)).map_err(told).ok()
}

fn load(path: &Path) -> Result<Labels, String> {
    let path = locate::file(path)?;
    let unreadable = |error| format!("{} cannot be read: {error}", path.display());
    let length = fs::metadata(&path).map_err(unreadable)?.len();
    if length > MOST_BYTES {
        return Err(format!("{} has {length} bytes, at most {MOST_BYTES}", path.display()));
    }
    let text = fs::read_to_string(&path).map_err(unreadable)?;
    let names: Arc<[String]> = text.lines().map(|line| line.trim().to_owned()).collect();
    if names.is_empty() {
        return Err(format!("{} is empty, it should have a class on each line", path.display()));
    }
    Ok(Labels { path, names })
}
