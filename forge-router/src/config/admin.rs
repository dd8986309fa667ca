//! Who may change the running server over HTTP.

use std::fs;
use std::path::{Path, PathBuf};

use toml::Value;

use super::locate;
use super::section::Section;

/// Whose requests to change something are heard. The control socket is not concerned: the file
/// system's permissions guard it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admin {
    /// Everybody's, where the server listens on a loopback address; else nobody's.
    Loopback,
    /// Who names one of the lines of this file. Not resolved: secrets are rotated by pointing a
    /// symlink somewhere else.
    Token {
        file: PathBuf,
    },
    Off,
}

/// The ways as they are written.
enum Way {
    Loopback,
    Token,
    Off,
}

/// Reads `admin` and `admin_token_file` of a config file that stands in `directory`.
pub(super) fn read(section: &mut Section<'_>, directory: &Path) -> Admin {
    let allowed = "\"loopback\", \"token\" or \"off\"";
    let way = section.optional("admin", allowed, way).unwrap_or(Way::Loopback);
    let given = section.text("admin_token_file", "the path of a file with a token");
    let key = section.key("admin_token_file");
    let problems = section.problems();
    match (way, given) {
        (Way::Token, Some(given)) => {
            let file = directory.join(given);
            if let Err(cause) = check_tokens(&file) {
                problems.conflict(&key, cause);
            }
            Admin::Token { file }
        }
        (Way::Token, None) => {
            if section.is_sound(&["admin_token_file"]) {
                problems.missing(&key, "admin = \"token\" needs the path of a file with a token");
            }
            Admin::Off
        }
        (other, given) => {
            if given.is_some() && section.is_sound(&["admin"]) {
                problems.conflict(&key, "it is only asked for with admin = \"token\"");
            }
            if matches!(other, Way::Off) { Admin::Off } else { Admin::Loopback }
        }
    }
}

fn way(value: &Value) -> Option<Way> {
    match value.as_str()? {
        "loopback" => Some(Way::Loopback),
        "token" => Some(Way::Token),
        "off" => Some(Way::Off),
        _ => None,
    }
}

fn check_tokens(file: &Path) -> Result<(), String> {
    let found = locate::file(file)?;
    let text = fs::read_to_string(&found)
        .map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
    match text.trim() {
        "" => Err(format!("{} is empty: it needs a token on a line of its own", file.display())),
        _ => Ok(()),
    }
}
