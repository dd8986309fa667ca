//! The test worker.
#![forbid(unsafe_code)]
fn main() {}
