//! Logs: `tracing` events as lines on stderr.
//!
//! stdout carries only what a script waits for (the `ready` line). One event is one line, so text
//! that Forge did not write itself (a model's exception, a worker's output) goes through
//! [`one_line`] first.

mod failures;
mod level_handle;
mod limiter;
mod subscriber;
mod text;
mod writer;

pub use failures::{Failure, FailureLog};
pub use level_handle::LevelHandle;
pub use subscriber::{Format, Level, Settings, install};
pub use text::one_line;
