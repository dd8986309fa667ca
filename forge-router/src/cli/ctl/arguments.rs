//! The grammar of `forge ctl`, and the requests that it stands for.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use toml::{Table, Value};

use crate::ctl::wire::Request;
use crate::logging::Level;
use crate::operator::Share;

const EXIT_CODES: &str = "\
Exit codes:
  0   done
  1   the server refused it, or it failed
  64  the command line is wrong
  69  no server at the socket, or it is ending
  75  busy: try again
  76  what answers is no Forge, or of another version
  77  this user may not
  78  the config file is wrong";

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct Ctl {
    /// The server's socket [default: $XDG_RUNTIME_DIR/forge/forge.sock, then
    /// /run/forge/forge.sock]
    #[arg(long, global = true, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// Print JSON, for programs
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// The server and its models
    Status,
    /// The models, with their files and versions
    Models,
    /// The worker processes
    Workers,
    /// Serve a model that the config does not name
    Load {
        name: String,
        /// Its file, relative to the server's model_root
        path: String,
        /// A key of a [models.NAME] table; the value is TOML, a bare word a text
        #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting)]
        settings: Vec<(String, Value)>,
    },
    /// Serve a model no longer
    Unload { name: String },
    /// Serve another file under a model's name, without a pause
    Swap {
        name: String,
        /// Its file, relative to the server's model_root
        path: String,
        /// Only for this share of the requests, such as 10%, until promote or abort
        #[arg(long, value_name = "SHARE")]
        canary: Option<Share>,
    },
    /// Go back to the version before
    Rollback { name: String },
    /// Let the canary answer everybody
    Promote { name: String },
    /// End the canary
    Abort { name: String },
    /// Change the number of a model's workers
    Scale {
        name: String,
        #[arg(value_name = "N")]
        workers: u32,
    },
    /// Refuse new predictions, and wait until all others are answered
    Drain {
        /// Take predictions again
        #[arg(long)]
        off: bool,
    },
    /// What happened to models and workers
    Events {
        /// Go on with what happens from now on
        #[arg(long)]
        follow: bool,
    },
    /// The config in force
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Show how much is logged, or change it
    LogLevel {
        /// debug, info, warning or error
        level: Option<Level>,
    },
    /// End the server, as SIGTERM does
    Shutdown {
        /// Without waiting for answers, as a second signal does
        #[arg(long)]
        now: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print it, with every default
    Show,
    /// Read the file again and make the models what it says
    Reload,
}

impl From<Command> for Request {
    fn from(command: Command) -> Self {
        match command {
            Command::Status => Self::Status {},
            Command::Models => Self::Models {},
            Command::Workers => Self::Workers {},
            Command::Load { name, path, settings } => {
                Self::Load { model: name, path, settings: Table::from_iter(settings) }
            }
            Command::Unload { name } => Self::Unload { model: name },
            Command::Swap { name, path, canary } => {
                Self::Swap { model: name, path, canary: canary.map(|share| share.to_string()) }
            }
            Command::Rollback { name } => Self::Rollback { model: name },
            Command::Promote { name } => Self::Promote { model: name },
            Command::Abort { name } => Self::Abort { model: name },
            Command::Scale { name, workers } => Self::Scale { model: name, workers },
            Command::Drain { off } => Self::Drain { off },
            Command::Events { follow } => Self::Events { follow },
            Command::Config(ConfigCommand::Show) => Self::ConfigShow {},
            Command::Config(ConfigCommand::Reload) => Self::ConfigReload {},
            Command::LogLevel { level } => {
                Self::LogLevel { level: level.map(|level| level.to_string()) }
            }
            Command::Shutdown { now } => Self::Shutdown { now },
        }
    }
}

/// `KEY=VALUE`, where whatever is no TOML value is a text.
fn setting(text: &str) -> Result<(String, Value), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    let (key, value) = (key.trim(), value.trim());
    if key.is_empty() {
        return Err("expected KEY=VALUE".to_owned());
    }
    let read = format!("value = {value}").parse::<Table>().ok();
    // One that goes on in another line would bring keys of its own.
    let read = read.filter(|table| table.len() == 1).and_then(|mut table| table.remove("value"));
    Ok((key.to_owned(), read.unwrap_or_else(|| Value::String(value.to_owned()))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_toml_or_a_bare_word() {
        let text = |text: &str| Value::String(text.to_owned());
        for (given, key, value) in [
            ("workers=2", "workers", Value::Integer(2)),
            ("request_timeout_s = 0.5", "request_timeout_s", Value::Float(0.5)),
            ("batching=false", "batching", Value::Boolean(false)),
            ("device=cuda:1", "device", text("cuda:1")),
            ("device=\"cuda:1\"", "device", text("cuda:1")),
            ("cpus=0-3", "cpus", text("0-3")),
            ("devices=[\"cpu\"]", "devices", Value::Array(vec![text("cpu")])),
            ("a=b=c", "a", text("b=c")),
            ("a=1\nb=2", "a", text("1\nb=2")),
            ("a=", "a", text("")),
        ] {
            assert_eq!(setting(given), Ok((key.to_owned(), value)), "{given}");
        }
        for given in ["", "workers", "=1"] {
            assert!(setting(given).is_err(), "{given}");
        }
    }
}
