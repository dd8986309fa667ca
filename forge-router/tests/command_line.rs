//! What `forge` says before it serves anything. That this package has an integration test also makes
//! cargo build the program, which the end-to-end tests in `tests/` start.

#![forbid(unsafe_code)]

use std::process::{Command, Output};

fn forge(arguments: &[&str]) -> Output {
    let run = Command::new(env!("CARGO_BIN_EXE_forge")).args(arguments).output();
    run.unwrap_or_else(|error| panic!("forge cannot be run: {error}"))
}

#[test]
fn asked_for_nothing_it_shows_what_it_can_do() {
    let output = forge(&[]);
    assert_eq!(output.status.code(), Some(64));
    let told = String::from_utf8(output.stderr).unwrap();
    for command in ["serve", "check", "--version"] {
        assert!(told.contains(command), "{told}");
    }
}

#[test]
fn help_is_an_answer_and_no_error() {
    for arguments in [&["--help"][..], &["serve", "--help"], &["check", "--help"]] {
        let output = forge(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(String::from_utf8(output.stdout).unwrap().contains("Usage: forge"));
    }
}

#[test]
fn an_unknown_argument_is_a_wrong_use() {
    for arguments in [&["serv"][..], &["serve", "--prot", "1"], &["serve", "--log-level", "loud"]] {
        assert_eq!(forge(arguments).status.code(), Some(64), "{arguments:?}");
    }
}
