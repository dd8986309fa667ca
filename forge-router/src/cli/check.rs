//! `forge check CONFIG`, `forge check --model-dir DIR`

use std::process::ExitCode;

use super::arguments::Check;
use super::{exit, python_program};
use crate::config::{self, Files, Overrides, Source};
use crate::system;

/// Tells every error of the config at once, or the memory it asks for.
pub fn run(arguments: Check) -> ExitCode {
    let machine = system::machine();
    let overrides =
        Overrides { host: arguments.host, port: arguments.port, ..Overrides::default() };
    if let Some(directory) = arguments.directory.named() {
        return report(&Source { files: Files::Directory(directory), overrides, machine });
    }
    if arguments.config.extension().is_some_and(|extension| extension == "pt") {
        let file = arguments.config.display();
        return exit::say(
            &format!("forge: {file} is a model; check takes a config\n"),
            exit::USAGE,
        );
    }
    if python_program::is_python(&arguments.config) {
        return python_program::refuse(&arguments.config, &machine);
    }
    report(&Source { files: Files::Config(arguments.config), overrides, machine })
}

fn report(source: &Source) -> ExitCode {
    match source.read() {
        Ok(config) => exit::print(&config::report(&config, system::memory::available())),
        Err(errors) => exit::fail(&errors, exit::CONFIG),
    }
}
