//! What an operator wrote, resolved once into types in which a wrong setting cannot exist.
//!
//! ```text
//! file ─► toml::Table ─► Section (typed reader) ─► ServerConfig, ModelConfig
//!                           └─► Problems: every one is told, not only the first
//! ```
//!
//! Nothing here asks the machine for anything but the files named: the CPUs it may use come in as
//! a [`Machine`]. `docs/configuration.md` lists every key.

mod admin;
mod changed;
mod check;
mod cpus;
mod device;
mod error;
mod inputs;
mod labels;
mod locate;
mod memory;
mod model;
mod model_directory;
mod name;
mod pad;
mod preprocess;
mod priority;
mod section;
mod server;
mod show;
mod source;
#[cfg(test)]
mod tests;
mod workers;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::{Table, Value};

pub use admin::Admin;
pub use changed::changed_keys;
pub use check::report;
pub use error::{ConfigErrors, Problem};
pub use inputs::DeclaredInput;
pub use labels::Labels;
pub use memory::{FRAMES_PER_WORKER, frame_bytes, least_response_payload, request_payload};
pub use model::ModelConfig;
pub use model_directory::ModelDirectory;
#[cfg(any(test, feature = "fuzzing"))]
pub use model_directory::fields_of_text_proto;
pub use name::ModelName;
pub use pad::{Element, MASK_DTYPE, Pad, PadValue};
pub use preprocess::{Color, Layout, Preprocess, Resize, Size};
pub use server::ServerConfig;
pub use show::table;
pub use source::{Files, Source};
pub use workers::{Machine, WorkerConfig};

use self::error::Problems;
use self::locate::Place;
use self::section::Section;

/// Everything one `forge serve` is told. There is at least one model.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub server: ServerConfig,
    /// In the order of their names, each name once.
    pub models: Vec<ModelConfig>,
    /// What was said and is not heeded, a sentence each: for the operator, who may have meant it.
    pub notes: Vec<String>,
}

/// What the command line says in place of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// An IP address or `localhost`.
    pub host: Option<String>,
    pub port: Option<u16>,
    pub shutdown_grace: Option<Duration>,
}

/// Reads the config file at `path`; relative paths in it start at its directory.
pub fn load(path: &Path, overrides: &Overrides, machine: &Machine) -> Result<Config, ConfigErrors> {
    let unreadable = |source| ConfigErrors::Unreadable { path: path.to_owned(), source };
    let text = fs::read_to_string(path).map_err(unreadable)?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = parent.unwrap_or(Path::new(".")).canonicalize().map_err(unreadable)?;
    let table: Table = toml::from_str(&text)
        .map_err(|source| ConfigErrors::Syntax { path: path.to_owned(), source })?;

    let problems = Problems::default();
    let mut file = Section::new("", table, &problems);
    let server = server::read(file.section("server"), &directory, overrides, machine);
    let models = read_models(&mut file, &directory, &server, machine);
    file.finish();
    if problems.is_empty() {
        return Ok(Config { server, models, notes: Vec::new() });
    }
    Err(problems.into_errors(path.display().to_string()))
}

/// The config of model files without a config file: each is named by its stem, and everything else
/// is left at its default. The operator named the files, so they may lie anywhere; the directory
/// of the first is the `model_root`.
pub fn for_models(
    paths: &[PathBuf],
    overrides: &Overrides,
    machine: &Machine,
) -> Result<Config, ConfigErrors> {
    let problems = Problems::default();
    let mut models = Vec::with_capacity(paths.len());
    let mut names = BTreeSet::new();
    for path in paths {
        let key = path.display().to_string();
        if path.extension().is_some_and(|extension| extension == "toml") {
            problems.conflict(&key, "a config file stands alone, without other files");
            continue;
        }
        if path.extension().is_some_and(|extension| extension == "py") {
            let advice = "a Python program is no model; name it alone to be told how to export its";
            problems.conflict(&key, advice);
            continue;
        }
        let Some(name) = name_of_file(path, &key, &problems) else { continue };
        if !names.insert(name.clone()) {
            problems.conflict(&key, format!("another model file is named {name}, too"));
        }
        match locate::file(path) {
            Ok(file) => models.push(model::with_defaults(name, file, machine)),
            Err(cause) => problems.conflict(&key, cause),
        }
    }
    let directory = models.first().and_then(|model| model.path.parent()).map(Path::to_owned);
    let section = Section::new("server", Table::new(), &problems);
    let server = server::read(section, &directory.unwrap_or_default(), overrides, machine);
    models.sort_by(|one, other| one.name.cmp(&other.name));
    if problems.is_empty() && !models.is_empty() {
        return Ok(Config { server, models, notes: Vec::new() });
    }
    Err(problems.into_errors("model files".to_owned()))
}

/// A model that is loaded into a running server: a file that was found already, and the keys of a
/// `[models.NAME]` table but `path`. Relative paths in it start at that file.
pub fn for_loading(
    name: &str,
    path: PathBuf,
    settings: Table,
    machine: &Machine,
) -> Result<ModelConfig, ConfigErrors> {
    let problems = Problems::default();
    let section = Section::new("", settings, &problems);
    let model = match ModelName::parse(name) {
        Ok(name) => Some(model::with_settings(section, name, path, machine)),
        Err(wrong) => {
            problems.conflict("name", wrong.to_string());
            None
        }
    };
    match model {
        Some(model) if problems.is_empty() => Ok(model),
        _ => Err(problems.into_errors(format!("model {name}"))),
    }
}

/// Whether a model could be served with these settings, which are all but its `path`; else the
/// first thing that is wrong.
pub fn check_settings(name: ModelName, settings: Table, machine: &Machine) -> Result<(), Problem> {
    let problems = Problems::default();
    let section = Section::new("", settings, &problems);
    model::with_settings(section, name, PathBuf::new(), machine);
    problems.into_first().map_or(Ok(()), Err)
}

fn read_models(
    file: &mut Section<'_>,
    directory: &Path,
    server: &ServerConfig,
    machine: &Machine,
) -> Vec<ModelConfig> {
    let (key, tables) = file.rest_of("models");
    let problems = file.problems();
    // A misspelt `[model.x]` is told by itself; that there is no model then says nothing new.
    if tables.is_empty() && !file.has_unknown(&["server", "models"]) {
        problems.missing(&key, "no [models.NAME] table; each model needs one");
    }
    // Where the root itself is wrong, nothing is known about what lies below it.
    let root_is_known = !problems.concern("server.model_root");
    let place = Place { directory, root: root_is_known.then_some(server.model_root.as_path()) };
    let mut models = Vec::with_capacity(tables.len());
    for (name, value) in tables {
        let key = error::join(&key, &name);
        let Value::Table(table) = value else {
            problems.value(&key, &value, format!("a table: [{key}]"), None);
            continue;
        };
        let section = Section::new(&key, table, problems);
        match ModelName::parse(&name) {
            Ok(name) => models.extend(model::read(section, name, place, machine)),
            Err(wrong) => problems.conflict(&key, wrong.to_string()),
        }
    }
    models
}

fn name_of_file(path: &Path, key: &str, problems: &Problems) -> Option<ModelName> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    match ModelName::parse(&stem) {
        Ok(name) => Some(name),
        Err(wrong) => {
            let advice = "rename the file or name the model in a config file";
            problems.conflict(
                key,
                format!("the model would be named by its file, but {wrong}; {advice}"),
            );
            None
        }
    }
}
