//! `--model-dir DIR`: the models that lie in a directory, as KServe and Triton lay them out.
//!
//! ```text
//! DIR/forge.toml               a config of Forge's, and nothing else counts
//! DIR/*.pt                     a model each, named by its file
//! DIR/VERSION/model.pt         one model, named by DIR             ┐ config.pbtxt beside VERSION/
//! DIR/NAME/VERSION/model.pt    a repository of Triton's, by NAME   ┘ is read where it is
//! ```
//!
//! `layout` looks at the directory, `text_proto` reads the text of a `config.pbtxt`, `triton` says it in
//! the keys of a `[models.NAME]` table, which are then checked as those of a config file. Nothing is
//! written, and nothing but the directory is looked at.

mod layout;
mod text_proto;
mod triton;

use std::path::{Path, PathBuf};

use toml::Table;

use self::layout::{Found, Layout};
use super::error::{Problems, join};
use super::model;
use super::section::Section;
use super::{Config, ConfigErrors, Machine, ModelConfig, ModelName, Overrides, locate, server};

/// How many fields the text of a `config.pbtxt` has in all its messages.
#[cfg(any(test, feature = "fuzzing"))]
pub fn fields_of_text_proto(text: &str) -> Result<usize, String> {
    use self::text_proto::{Message, Value};

    fn count(Message(fields): &Message) -> usize {
        let below = |value: &Value| match value {
            Value::Message(message) => count(message),
            Value::Text(_) | Value::Word(_) => 0,
        };
        fields.iter().map(|(_, value)| 1 + below(value)).sum()
    }
    text_proto::parse(text).map(|message| count(&message))
}

/// A directory that is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelDirectory {
    pub path: PathBuf,
    /// What its model is called where it holds one. Where there are several each keeps its own name.
    pub name: Option<String>,
}

impl ModelDirectory {
    /// Looks for its models, as they are now.
    pub fn read(&self, overrides: &Overrides, machine: &Machine) -> Result<Config, ConfigErrors> {
        let problems = Problems::default();
        let name = self.name.as_deref().and_then(|name| parse(name, "--model-name", &problems));
        let layout = locate::directory(&self.path).and_then(|directory| {
            let layout = layout::of(&directory)?;
            Ok((directory, layout))
        });
        let mut config = match layout {
            Ok((_, Layout::Config(file))) => super::load(&file, overrides, machine)?,
            Ok((directory, Layout::Models(found))) => {
                let section = Section::new("server", Table::new(), &problems);
                let server = server::read(section, &directory, overrides, machine);
                let (models, notes) = models(found, name.as_ref(), machine, &problems);
                Config { server, models, notes }
            }
            Err(cause) => {
                problems.conflict("--model-dir", cause);
                return Err(self.errors(problems));
            }
        };
        if !problems.is_empty() {
            return Err(self.errors(problems));
        }
        config.models.sort_by(|one, other| one.name.cmp(&other.name));
        if let Some(name) = name {
            call(&mut config, name);
        }
        Ok(config)
    }

    fn errors(&self, problems: Problems) -> ConfigErrors {
        problems.into_errors(self.path.display().to_string())
    }
}

/// Gives its only model the name.
fn call(config: &mut Config, name: ModelName) {
    match config.models.as_mut_slice() {
        [only] => only.name = name,
        several if several.iter().any(|model| model.name == name) => {}
        several => {
            let names: Vec<&str> = several.iter().map(|model| model.name.as_str()).collect();
            config.notes.push(format!(
                "--model-name={name} names none of several models, which keep their names: {}",
                names.join(", ")
            ));
        }
    }
}

/// The models that were found, and what is not heeded of their configurations.
fn models(
    found: Vec<Found>,
    name: Option<&ModelName>,
    machine: &Machine,
    problems: &Problems,
) -> (Vec<ModelConfig>, Vec<String>) {
    let is_sole = found.len() == 1;
    let mut models: Vec<ModelConfig> = Vec::with_capacity(found.len());
    let mut notes = Vec::new();
    for Found { name: own, file, settings, notes: told } in found {
        notes.extend(told);
        // A name of the file system need not be one that a client can ask for, where another is given.
        let given = name.filter(|_| is_sole).cloned();
        let place = file.display().to_string();
        let Some(name) = given.or_else(|| parse(&own, &place, problems)) else { continue };
        if let Some(other) = models.iter().find(|model| model.name == name) {
            let other = other.path.display();
            problems.conflict(&place, format!("the model {name} is there twice: see {other}"));
            continue;
        }
        match locate::file(&file) {
            Ok(file) => models.push(configure(name, file, settings, machine, problems)),
            Err(cause) => problems.conflict(&place, cause),
        }
    }
    (models, notes)
}

fn configure(
    name: ModelName,
    file: PathBuf,
    settings: triton::Settings,
    machine: &Machine,
    problems: &Problems,
) -> ModelConfig {
    let section = Section::new(&join("models", name.as_str()), settings.table, problems);
    let mut config = model::with_settings(section, name, file, machine);
    for (input, place) in config.inputs.iter_mut().zip(settings.places) {
        input.place = Some(place);
    }
    config
}

fn parse(name: &str, key: &str, problems: &Problems) -> Option<ModelName> {
    let parsed = ModelName::parse(name);
    parsed
        .map_err(|wrong| {
            let advice = match key {
                "--model-name" => "",
                _ => "; rename it, or name it with --model-name",
            };
            problems.conflict(key, format!("{wrong}{advice}"));
        })
        .ok()
}

/// What a directory holds, for a message.
fn listing(directory: &Path, entries: &[layout::Entry]) -> String {
    const MOST: usize = 16;
    let shown: Vec<String> = entries.iter().take(MOST).map(ToString::to_string).collect();
    let more = if entries.len() > MOST { ", …" } else { "" };
    match shown.is_empty() {
        true => format!("{} is empty", directory.display()),
        false => format!("{} holds {}{more}", directory.display(), shown.join(", ")),
    }
}
