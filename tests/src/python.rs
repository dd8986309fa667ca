//! Programs in Python, with the pinned packages of `tests/clients/requirements.txt`.

use std::fs;
use std::process::Command;

use crate::command::{Finished, finish};
use crate::programs::checkout;

/// Runs a program of `tests/clients` to its end.
///
/// # Panics
/// Where `scripts/python-env` has not made the environment it needs.
pub fn run_python(program: &str, arguments: &[&str]) -> Finished {
    let program = checkout().join("tests/clients").join(program);
    assert!(program.is_file(), "there is no {}", program.display());
    finish(python().arg(program).args(arguments))
}

/// The interpreter that has the packages.
///
/// # Panics
/// Where `scripts/python-env` has not made it.
pub fn python() -> Command {
    let environment = checkout().join(".python-env");
    let interpreter = environment.join("bin/python");
    assert!(
        interpreter.exists(),
        "the Python environment of the real clients is missing: run scripts/python-env"
    );
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let wanted = read(checkout().join("tests/clients/requirements.txt"));
    assert!(
        read(environment.join("requirements.txt")) == wanted,
        "the Python environment of the real clients has other packages than \
         tests/clients/requirements.txt names: run scripts/python-env"
    );
    let mut command = Command::new(interpreter);
    // Nothing of the user's own; and the checkout stays as it is.
    command.args(["-E", "-s", "-B"]);
    command
}
