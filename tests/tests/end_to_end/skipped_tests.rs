//! A test that is skipped passes, and yet is told of.

use std::process::Command;
use std::{env, fs};

use forge_tests::{TempDir, finish};

#[test]
fn a_test_that_is_skipped_leaves_its_name_and_its_reason() {
    let dir = TempDir::new();
    let skipped = dir.path().join("skipped");
    let name = "monitoring::every_alert_is_raised_when_it_should_be_and_not_otherwise";
    // Another run of this program, where there is no program but it.
    let mut tests = Command::new(env::current_exe().unwrap());
    tests.args(["--exact", name]).env("PATH", dir.path()).env("FORGE_SKIPPED", &skipped);
    let finished = finish(&mut tests);
    assert_eq!(finished.code(), 0, "{finished:?}");
    assert!(finished.stdout.contains("1 passed"), "{}", finished.stdout);
    let told = fs::read_to_string(&skipped).unwrap();
    assert!(told.starts_with(&format!("{name}: there is no promtool")), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
}
