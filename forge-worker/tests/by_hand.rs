//! The shipped worker in a person's hands. That this package has an integration test also makes
//! cargo build the program, which the end-to-end tests in `tests/` start.

#![forbid(unsafe_code)]

use std::process::{Command, Stdio};

fn worker() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forge-worker"));
    command.stdin(Stdio::null());
    command
}

#[test]
fn run_by_hand_it_says_whose_it_is() {
    let output = worker().output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("forge serve"), "{told}");
}

#[test]
fn it_tells_its_engine_without_any_environment() {
    let output = worker().arg("--about").env_clear().current_dir("/").output().unwrap();
    assert!(output.status.success());
    let told = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = told.lines().collect();
    assert!(lines[0].starts_with("libtorch 2."), "{told}");
    assert!(lines[1].starts_with("CPU capability "), "{told}");
}
