//! A configuration of the Python Forge, which was a program: how to export its models and what
//! replaces it.
//!
//! Forge runs no Python. It reads the text (`tokens`, `program`, `literal`, `registrations`) and
//! tells the lines that export the models (`export.py`, which the user runs) and the TOML
//! (`replacement`). What only a run could tell is shown as it is written, never guessed.

mod literal;
mod program;
mod registrations;
mod replacement;
mod tokens;

use std::fmt::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};

use self::program::Program;
use self::registrations::{Registration, registrations};
use self::replacement::{Named, one_line};
use super::exit;
use crate::config::{Machine, ModelName};

const EXPORT: &str = include_str!("export.py");

/// Characters of an expression that still fits into the line that exports it.
const LONGEST_MODEL: usize = 40;

/// Why nothing can be said about a program.
#[derive(Debug, thiserror::Error)]
#[error("{}: cannot be read: {source}", path.display())]
struct Unreadable {
    path: PathBuf,
    source: io::Error,
}

pub(super) fn is_python(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "py")
}

/// Tells what to do instead of serving or checking it.
pub(super) fn refuse(file: &Path, machine: &Machine) -> ExitCode {
    match advice(file, machine) {
        Ok(advice) => exit::say(&advice, exit::CONFIG),
        Err(error) => exit::fail(&error, exit::CONFIG),
    }
}

/// What whoever served this program has to do once.
fn advice(file: &Path, machine: &Machine) -> Result<String, Unreadable> {
    let unreadable = |source| Unreadable { path: file.to_owned(), source };
    // Asked before it is opened: opening a pipe would wait for its writer.
    if !fs::metadata(file).map_err(unreadable)?.is_file() {
        return Err(unreadable(io::Error::other("not a regular file")));
    }
    let text = fs::read(file).map_err(unreadable)?;
    let text = String::from_utf8_lossy(&text);
    Ok(advice_on(&file.display().to_string(), text.trim_start_matches('\u{feff}'), machine))
}

fn advice_on(file: &str, text: &str, machine: &Machine) -> String {
    let program = Program::read(text);
    let registrations = registrations(&program);
    let mut advice = format!(
        "forge: {} is a Python program.\n\
         Forge serves TorchScript files and does not run Python configuration: the models are exported\n\
         once, and a TOML file says the rest.\n\n",
        one_line(file)
    );
    let is_configuration =
        (program.all().from..program.all().to).any(|at| program.is_name(at, "setup"));
    let told = if is_configuration || !registrations.is_empty() {
        let named = replacement::name(registrations);
        tell_export(&mut advice, file, &named)
            .and_then(|()| tell_replacement(&mut advice, &named, machine))
    } else {
        tell_model_code(&mut advice)
    };
    // Writing to a string cannot fail.
    let _ = told;
    advice
}

fn tell_export(into: &mut String, file: &str, models: &[Named]) -> fmt::Result {
    writeln!(
        into,
        "1. Export the models. Paste this into a shell here, with the Python that served them:\n\n\
         cat > forge-export.py <<'EOF'\n{EXPORT}EOF\n\
         python3 forge-export.py {}\n",
        shell_word(file)
    )?;
    if models.is_empty() {
        return writeln!(
            into,
            "   It calls setup() and exports whatever that registers. No registration was found in the\n   \
             text, so that none is named here. This is done for each model:\n\n     \
             torch.jit.script(model.eval()).save(\"NAME.pt\")\n"
        );
    }
    writeln!(into, "   It calls setup() and does this for each model:\n")?;
    let told = models.iter().filter(|model| !model.is_repeated());
    for Named { name, registration } in told {
        let Registration { line, model, .. } = registration;
        let name = name.as_ref().map_or("NAME", ModelName::as_str);
        let is_short = !model.is_empty() && model.chars().count() <= LONGEST_MODEL;
        let (meant, model) = if is_short {
            (String::new(), model.as_str())
        } else {
            (format!(": model = {}", one_line(model)), "model")
        };
        writeln!(into, "     # line {line}{meant}")?;
        writeln!(into, "     torch.jit.script({model}.eval()).save(\"{name}.pt\")")?;
    }
    writeln!(into)
}

fn tell_replacement(into: &mut String, models: &[Named], machine: &Machine) -> fmt::Result {
    writeln!(
        into,
        "2. Save this as forge.toml beside them. It is what the text tells; the export prints the\n   \
         settings as they are when it runs.\n\n{}",
        replacement::toml(models, machine)
    )?;
    writeln!(
        into,
        "3. Check it and serve it:\n\n     forge check forge.toml\n     forge serve forge.toml\n\n\
         docs/migrate.md has the whole way, and every difference with its reason.\n\
         forge: nothing is served: Forge does not run Python; the three steps above replace the program"
    )
}

fn tell_model_code(into: &mut String) -> fmt::Result {
    writeln!(
        into,
        "It has no setup(registry), so it is no configuration of the Python Forge. If it defines a\n\
         model, export that in Python and serve the file:\n\n     \
         torch.jit.script(model.eval()).save(\"NAME.pt\")\n     forge serve NAME.pt\n\n\
         docs/migrate.md has more.\n\
         forge: nothing is served: Forge does not run Python; export the model and serve its file"
    )
}

/// A text as one word of the shell.
fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-/+".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests;
