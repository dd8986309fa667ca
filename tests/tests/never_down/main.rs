//! Forge under constant load while everything happens to it that can: no request is lost, answered
//! wrong or twice, and nothing is left behind.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by a panic, in its helpers too")]

mod canary;
mod changed_files;
mod confidences;
mod dead_places;
mod failing_swaps;
mod followers;
mod huge_files;
mod hung;
mod kills;
mod loads;
mod memory;
mod names;
mod operations;
mod poison;
mod recovery;
mod recycling;
mod reloads;
mod shown;
mod shutdown;
mod swaps;
mod unblamed;
mod with_libtorch;
