//! The config as an operator meets it: files in, settings or messages out.

mod admin;
mod defaults;
mod errors;
mod images;
mod loading;
mod memory;
mod model_directory;
mod pad;
mod samples;
mod show;
mod workers;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::device::Device;
use super::error::Problem;
use super::memory::{ResponsePayload, memory_plan};
use super::*;

/// A directory with config files and stand-ins for models; gone when dropped.
struct Files {
    directory: PathBuf,
}

impl Files {
    /// With the model file `m.pt`.
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("forge-config-{}-{count}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(&directory).unwrap();
        let files = Self { directory: directory.canonicalize().unwrap() };
        files.write("m.pt", "");
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Loads `text` as `forge.toml` of this directory, on a machine of four CPUs.
    fn load(&self, text: &str) -> Result<Config, ConfigErrors> {
        load(&self.write("forge.toml", text), &Overrides::default(), &machine(4))
    }

    fn problems(&self, text: &str) -> Vec<String> {
        problems(self.load(text))
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn machine(cpus: usize) -> Machine {
    Machine { usable_cpus: (0..cpus).collect(), cpu_quota: None }
}

/// What is wrong, a line each; panics where nothing is.
fn problems(outcome: Result<Config, ConfigErrors>) -> Vec<String> {
    match outcome {
        Err(ConfigErrors::Invalid { problems, .. }) => {
            problems.iter().map(ToString::to_string).collect()
        }
        other => panic!("{other:?}"),
    }
}

/// The only model of a config that is one model with these lines.
fn model(lines: &str) -> ModelConfig {
    let files = Files::new();
    files.load(&format!("[models.m]\npath = \"m.pt\"\n{lines}")).unwrap().models.remove(0)
}
