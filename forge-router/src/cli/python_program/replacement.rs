//! The TOML that stands in place of a program.

use std::collections::BTreeSet;
use std::fmt::Write;

use toml::{Table, Value};

use super::registrations::{Registration, Written};
use crate::config::{self, Machine, ModelName};

/// Columns that a line may take.
const WIDTH: usize = 100;

const WINDOW_DEFAULT: &str =
    "batch_window_ms was 50 by default. Forge's default, 0, answers an idle model at once.";
const WINDOW_HINT: &str = "  # without this line an idle model answers at once";

/// A registration and the name its model gets.
#[derive(Debug)]
pub(super) struct Named {
    /// `None` where only a run could tell, or another registration has it already.
    pub(super) name: Option<ModelName>,
    pub(super) registration: Registration,
}

impl Named {
    /// Whether a registration before it has its name.
    pub(super) fn is_repeated(&self) -> bool {
        self.name.is_none() && self.registration.name.value.is_some()
    }
}

/// Gives every registration a name that Forge allows, as the export does.
pub(super) fn name(registrations: Vec<Registration>) -> Vec<Named> {
    let mut taken = BTreeSet::new();
    let named = registrations.into_iter().map(|registration| {
        let name = registration.name.value.as_ref().and_then(Value::as_str).map(allowed);
        let name = name.and_then(|name| ModelName::parse(&name).ok());
        let name = name.filter(|name| taken.insert(name.clone()));
        Named { name, registration }
    });
    named.collect()
}

/// The whole file.
pub(super) fn toml(models: &[Named], machine: &Machine) -> String {
    let mut file = "[server]\n\
         # The Python Forge listened on 0.0.0.0. Forge listens on 127.0.0.1, which only this machine\n\
         # reaches, unless you say otherwise:\n\
         # host = \"0.0.0.0\"\n\
         # port = 8000\n"
        .to_owned();
    if models.is_empty() {
        file.push_str("\n# One such table for each model that the export wrote:\n");
        file.push_str("[models.NAME]\npath = \"NAME.pt\"\n");
    }
    for model in models {
        // Writing to a string cannot fail.
        let _ = write_model(&mut file, model, machine);
    }
    file
}

/// A text from the program in one line that no terminal takes for more than text.
pub(super) fn one_line(text: &str) -> String {
    let shown: String = text.chars().filter(|character| !character.is_control()).collect();
    cut(&shown, WIDTH - 40)
}

/// A name with what Forge does not allow replaced.
fn allowed(name: &str) -> String {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    name.chars().map(|c| if is_allowed(c) { c } else { '-' }).collect()
}

fn write_model(file: &mut String, model: &Named, machine: &Machine) -> std::fmt::Result {
    let registration = &model.registration;
    let original = &registration.name;
    let Some(name) = &model.name else {
        return write_unnamed(file, model);
    };
    writeln!(file)?;
    if original.value.as_ref().and_then(Value::as_str) != Some(name.as_str()) {
        comment(file, &format!("It was called {}, which is no name in Forge.", original.source))?;
    }
    let quote = if name.as_str().contains('.') { "\"" } else { "" };
    writeln!(file, "[models.{quote}{name}{quote}]\npath = \"{name}.pt\"")?;
    let sets_window = registration.settings.iter().any(|(key, _)| key == "batch_window_ms");
    if !sets_window && registration.unknown.is_none() {
        comment(file, WINDOW_DEFAULT)?;
    }
    let mut table = Sound { name, settings: Table::new(), machine };
    for (key, written) in &registration.settings {
        table.write_setting(file, key, written)?;
    }
    if let Some(unknown) = &registration.unknown {
        comment(file, &format!("More is set by {unknown}"))?;
        comment(file, "What that comes to, the export prints.")?;
    }
    Ok(())
}

/// A registration without a table of its own.
fn write_unnamed(file: &mut String, model: &Named) -> std::fmt::Result {
    let Registration { line, name, .. } = &model.registration;
    writeln!(file)?;
    if model.is_repeated() {
        return comment(file, &format!("Line {line} registers {} once more.", name.source));
    }
    comment(
        file,
        &format!("Line {line} registers the name {}, which only a run tells.", name.source),
    )?;
    comment(file, "Write such a table for each model that the export wrote there:")?;
    writeln!(file, "# [models.NAME]\n# path = \"NAME.pt\"")
}

/// The settings of a model so far, all of which Forge takes.
struct Sound<'a> {
    name: &'a ModelName,
    settings: Table,
    machine: &'a Machine,
}

impl Sound<'_> {
    /// Writes the line, or a comment where Forge would not take it.
    fn write_setting(
        &mut self,
        file: &mut String,
        key: &str,
        written: &Written,
    ) -> std::fmt::Result {
        let source = &written.source;
        let Some(value) = &written.value else {
            comment(file, &format!("{key} was {source}"))?;
            let example = if key == "device" { "\"cpu\" or \"cuda\"" } else { "…" };
            return comment(
                file,
                &format!("Only Python knows it; the export prints it: {key} = {example}"),
            );
        };
        let mut with = self.settings.clone();
        with.insert(key.to_owned(), value.clone());
        if let Err(wrong) = config::check_settings(self.name.clone(), with.clone(), self.machine) {
            let wrong = wrong.to_string();
            let wrong = wrong.strip_prefix(&format!("{key}: ")).unwrap_or(&wrong);
            return comment(file, &format!("{key} was {source}, which Forge refuses: {wrong}"));
        }
        self.settings = with;
        let hint = match (key, value) {
            ("batch_window_ms", value) if !is_zero(value) => WINDOW_HINT,
            _ => "",
        };
        writeln!(file, "{key} = {}{hint}", shown(value))
    }
}

fn is_zero(value: &Value) -> bool {
    value.as_integer() == Some(0) || value.as_float() == Some(0.0)
}

/// A value that a config has taken, as TOML. The only texts among them are devices.
fn shown(value: &Value) -> String {
    match value {
        Value::Float(number) => format!("{number:?}"),
        Value::Integer(number) => number.to_string(),
        Value::Boolean(flag) => flag.to_string(),
        other => format!("{:?}", other.as_str().unwrap_or_default()),
    }
}

/// Writes a comment in as many lines as it takes.
fn comment(file: &mut String, text: &str) -> std::fmt::Result {
    let text: String = text.chars().filter(|character| !character.is_control()).collect();
    let mut line = String::from("#");
    for word in text.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > WIDTH && line.len() > 1 {
            writeln!(file, "{line}")?;
            line.truncate(1);
        }
        line.push(' ');
        line.push_str(&cut(word, WIDTH - 2));
    }
    writeln!(file, "{line}")
}

fn cut(text: &str, width: usize) -> String {
    match text.char_indices().nth(width) {
        Some(_) => text.chars().take(width - 1).chain(['…']).collect(),
        None => text.to_owned(),
    }
}
