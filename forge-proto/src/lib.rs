//! The messages of the Open Inference Protocol V2 over gRPC, one definition for whoever speaks it: the router, and,
//! with the feature `client`, the tests and measures that call it.
//!
//! Sources: Triton's `grpc_service.proto` and `model_config.proto`, in `proto/`. Code and descriptors are generated of
//! them and committed, and `tests/tests/generated_grpc.rs` generates them anew. The server's half is generated into
//! forge-router, because it decodes requests of inference as a type of its own.

#![forbid(unsafe_code)]

#[allow(clippy::all, missing_debug_implementations, reason = "generated")]
mod generated {
    include!("generated/inference.rs");
}

pub use generated::*;

/// The protocol's files, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!("generated/descriptors.bin");
