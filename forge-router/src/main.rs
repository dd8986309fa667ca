//! `forge`: everything a person types.
#![forbid(unsafe_code)]
fn main() {}
