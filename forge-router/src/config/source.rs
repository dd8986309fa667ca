//! Where a config comes from, so that it can be read again while the server runs.

use std::path::PathBuf;

use super::{Config, ConfigErrors, Machine, ModelDirectory, Overrides, for_models, load};

/// What `forge serve` was started with.
#[derive(Clone, Debug)]
pub struct Source {
    pub files: Files,
    pub overrides: Overrides,
    pub machine: Machine,
}

/// What is to be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Files {
    Config(PathBuf),
    Models(Vec<PathBuf>),
    Directory(ModelDirectory),
}

impl Source {
    /// Reads it, as it is now.
    pub fn read(&self) -> Result<Config, ConfigErrors> {
        match &self.files {
            Files::Config(path) => load(path, &self.overrides, &self.machine),
            Files::Models(paths) => for_models(paths, &self.overrides, &self.machine),
            Files::Directory(directory) => directory.read(&self.overrides, &self.machine),
        }
    }
}
