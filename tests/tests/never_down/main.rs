//! Forge under constant load while everything happens to it that can: no request is lost, answered
//! wrong or twice, and nothing is left behind.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by a panic, in its helpers too")]

mod kills;
mod swaps;
