//! Tests that this machine cannot run.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;
use std::thread;

/// Names a file that is told of every test that was skipped: `scripts/test` and `.ci/run` print it in the end, since
/// what a test that passes prints is not shown.
const FILE: &str = "FORGE_SKIPPED";

/// Says that the test that calls this, or a part of it, is skipped, and why.
pub fn skipped(why: &str) {
    eprintln!("skipped: {why}");
    let Some(path) = env::var_os(FILE) else { return };
    let line = format!("{}: {why}\n", thread::current().name().unwrap_or("a test"));
    let file = OpenOptions::new().append(true).create(true).open(path);
    file.and_then(|mut file| file.write_all(line.as_bytes())).expect("the file of skipped tests");
}
