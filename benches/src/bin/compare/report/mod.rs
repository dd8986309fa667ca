//! What the results look like: a table for people, a plot, and all rounds for programs.

mod json;
mod markdown;
mod plot;

use std::fs;
use std::io;
use std::path::Path;

use crate::goals::Goal;
use crate::machine::Machine;
use crate::results::Results;

/// A run, ready to be told.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    pub(crate) machine: &'a Machine,
    pub(crate) results: &'a Results,
    pub(crate) goals: &'a [Goal],
    /// How much was measured, in words.
    pub(crate) scope: String,
}

impl Report<'_> {
    /// Writes `compare.md`, `compare.svg` and `compare.json`, and prints the first.
    pub(crate) fn write(&self, folder: &Path) -> io::Result<()> {
        let table = markdown::render(self);
        print!("{table}");
        fs::write(folder.join("compare.md"), table)?;
        fs::write(folder.join("compare.svg"), plot::render(self.results))?;
        fs::write(folder.join("compare.json"), json::render(self))
    }
}
