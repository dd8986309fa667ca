//! `forge completions SHELL`

use std::process::ExitCode;

use clap::CommandFactory;

use super::arguments::{Arguments, Completions, Shell};
use super::exit;

/// Prints a script with which the shell completes forge's commands and options.
pub fn print(arguments: &Completions) -> ExitCode {
    let shell = match arguments.shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "forge", &mut script);
    exit::print(&String::from_utf8_lossy(&script))
}
