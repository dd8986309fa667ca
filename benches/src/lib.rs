//! Shared parts of the measures: servers as child processes, a closed-loop load, medians.
//!
//! Figures of one machine mean little and differ from minute to minute: a measure runs both sides
//! in turn, several rounds, and prints the ratio of medians with the spread beside it.

#![forbid(unsafe_code)]

mod grpc_load;
mod load;
mod paced;
mod server;
mod statistics;

pub use grpc_load::{GrpcLoad, field, run_grpc, varint};
pub use load::{Load, Measured, run};
pub use paced::Paced;
pub use server::{Server, binary};
pub use statistics::{Spread, median, quantile};
