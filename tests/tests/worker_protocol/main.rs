//! The life of a worker as its router sees it, with the test engines behind the shipped loop.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by a panic, in its helpers too")]

mod before_the_rings;
mod ends;
mod harness;
mod ring;
mod serving;
