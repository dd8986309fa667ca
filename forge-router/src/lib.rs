//! Forge's router: takes requests, batches them into shared-memory frames, keeps the workers alive.
//!
//! ```text
//! cli ─► config ─► serve (composition root)
//!                    ├─ http, grpc ─► model ─► dispatch ─► (rings) ─► workers
//!                    ├─ http, grpc, ctl ─► operator ─► supervisor: processes, their life cycle, their rings
//!                    └─ metrics, logging
//! ```
//!
//! `docs/architecture.md` is the longer tour.

#![forbid(unsafe_code)]

mod admission;
mod batching;
mod checkpoint;
pub mod cli;
mod config;
mod ctl;
mod dispatch;
mod flat;
mod formats;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod grpc;
#[cfg(any(test, feature = "counting"))]
pub mod hot_path;
mod http;
pub mod json;
mod logging;
mod memory_budget;
mod metrics;
mod model;
mod numbers;
mod operator;
mod padding;
mod pieces;
mod readable;
mod request;
mod runtime;
mod serve;
mod service;
mod supervisor;
mod sync;
mod system;
pub mod tensor;
mod under_way;
mod v2;
mod worker_binary;
