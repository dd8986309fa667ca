//! The command line's grammar.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::ctl::Ctl;
use crate::config::ModelDirectory;
use crate::logging;

/// Serves PyTorch models: fast, batched, observable.
#[derive(Debug, Parser)]
#[command(name = "forge", disable_version_flag = true, subcommand_negates_reqs = true)]
pub struct Arguments {
    /// Print the versions of forge and libtorch and the CPU capability
    #[arg(short = 'V', long)]
    pub version: bool,
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve models over HTTP
    Serve(Serve),
    /// Check a config file and print the memory it asks for
    Check(Check),
    /// Steer a running server
    Ctl(Ctl),
    /// Print a script that completes forge's command line
    Completions(Completions),
}

/// Without arguments `./forge.toml` is served.
#[derive(Debug, Args)]
pub struct Serve {
    /// A config file, or TorchScript model files (name = file name without its ending)
    #[arg(value_name = "CONFIG.toml | MODEL.pt", conflicts_with = "model_dir")]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub directory: Directory,
    /// Address to listen on [default: 127.0.0.1, or the config's]
    #[arg(long)]
    pub host: Option<String>,
    /// Port to listen on; 0 picks a free one [default: 8000, or the config's]
    #[arg(long)]
    pub port: Option<u16>,
    /// Unix socket for `forge ctl` [default: the config's, or one of the user's]
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// How long predictions are still answered after SIGTERM or Ctrl-C, while readiness reads 503
    /// [default: 3, or the config's]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub shutdown_grace: Option<Duration>,
    /// debug, info, warning or error
    #[arg(long, default_value_t, value_name = "LEVEL")]
    pub log_level: logging::Level,
    /// text or json
    #[arg(long, default_value_t, value_name = "FORMAT")]
    pub log_format: logging::Format,
    /// Threads of the event loop; for Forge's own tests
    #[arg(long, hide = true)]
    pub threads: Option<usize>,
    /// The worker program; for Forge's own tests
    #[arg(long, hide = true)]
    pub worker: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Check {
    /// The config file
    #[arg(default_value = super::DEFAULT_CONFIG, conflicts_with = "model_dir")]
    pub config: PathBuf,
    #[command(flatten)]
    pub directory: Directory,
    /// Address to listen on [default: 127.0.0.1, or the config's]
    #[arg(long)]
    pub host: Option<String>,
    /// Port to listen on [default: 8000, or the config's]
    #[arg(long)]
    pub port: Option<u16>,
}

/// In place of files.
#[derive(Debug, Args)]
pub struct Directory {
    /// A directory with a forge.toml, model files, or models in Triton's layout:
    /// NAME/VERSION/model.pt
    #[arg(long, value_name = "DIR")]
    pub model_dir: Option<PathBuf>,
    /// What the model is called where the directory holds one
    #[arg(long, value_name = "NAME", requires = "model_dir")]
    pub model_name: Option<String>,
}

impl Directory {
    /// `None` where no directory is named.
    pub fn named(self) -> Option<ModelDirectory> {
        Some(ModelDirectory { path: self.model_dir?, name: self.model_name })
    }
}

#[derive(Debug, Args)]
pub struct Completions {
    #[arg(value_enum)]
    pub shell: Shell,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// A time of at most an hour, with or without a fraction, as the config takes it.
fn seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..=3600.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or("allowed is a number of seconds from 0 to 3600")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grace_is_a_time_of_at_most_an_hour() {
        for (text, milliseconds) in [("0", 0), ("2.5", 2500), ("3600", 3_600_000)] {
            assert_eq!(seconds(text), Ok(Duration::from_millis(milliseconds)));
        }
        for text in ["", "-1", "3601", "nan", "inf", "3s"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
