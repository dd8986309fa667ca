//! `forge check CONFIG`

use std::process::ExitCode;

use super::arguments::Check;
use super::exit;
use crate::config::{self, Overrides};
use crate::system;

/// Tells every error of the config at once, or the memory it asks for.
pub fn run(arguments: &Check) -> ExitCode {
    if arguments.config.extension().is_some_and(|extension| extension == "pt") {
        eprintln!("forge: {} is a model; check takes a config", arguments.config.display());
        return ExitCode::from(exit::USAGE);
    }
    match config::load(&arguments.config, &Overrides::default(), &system::machine()) {
        Ok(config) => exit::print(&config::report(&config, system::memory::available())),
        Err(errors) => exit::fail(&errors, exit::CONFIG),
    }
}
