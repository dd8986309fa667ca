//! Forge under constant load while everything happens to it that can: no request is lost, answered
//! wrong or twice, and nothing is left behind.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by a panic, in its helpers too")]

mod canary;
mod changed_files;
mod failing_swaps;
mod kills;
mod loads;
mod memory;
mod operations;
mod poison;
mod recycling;
mod shutdown;
mod swaps;
mod with_libtorch;
