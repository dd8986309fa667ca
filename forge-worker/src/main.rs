//! The shipped worker.
fn main() {}
