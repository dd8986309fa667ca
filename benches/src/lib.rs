//! Measures of Forge and of any other server of models: one load generator, what it needs to ask a
//! model and to check its answers, servers as child processes, and charts.
//!
//! ```text
//! Endpoint ─► model (its inputs) ─► inputs (requests) ─► learn (answers) ─► load ─► Measured ─► chart
//! ```
//!
//! Figures of one machine mean little and differ from minute to minute: a measure runs both sides
//! in turn, several rounds, and prints the ratio of medians with the spread beside it.

#![forbid(unsafe_code)]

pub mod answers;
pub mod chart;
pub mod inputs;
pub mod learn;
pub mod load;
pub mod model;
pub mod numbers;
pub mod protobuf;
pub mod protocol;
mod server;
mod statistics;
pub mod target;

pub use load::{Exchange, Expected, Load, Measured, Pace, Transport, run};
pub use server::{Server, binary};
pub use statistics::{Spread, median};
