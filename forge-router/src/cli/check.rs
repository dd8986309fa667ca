//! `forge check CONFIG`

use std::process::ExitCode;

use super::arguments::Check;
use super::{exit, python_program};
use crate::config::{self, Overrides};
use crate::system;

/// Tells every error of the config at once, or the memory it asks for.
pub fn run(arguments: &Check) -> ExitCode {
    if arguments.config.extension().is_some_and(|extension| extension == "pt") {
        let file = arguments.config.display();
        return exit::say(
            &format!("forge: {file} is a model; check takes a config\n"),
            exit::USAGE,
        );
    }
    let machine = system::machine();
    if python_program::is_python(&arguments.config) {
        return python_program::refuse(&arguments.config, &machine);
    }
    match config::load(&arguments.config, &Overrides::default(), &machine) {
        Ok(config) => exit::print(&config::report(&config, system::memory::available())),
        Err(errors) => exit::fail(&errors, exit::CONFIG),
    }
}
