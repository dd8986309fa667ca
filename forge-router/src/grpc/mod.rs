//! The Open Inference Protocol V2 over gRPC, on the port of HTTP.
//!
//! ```text
//! connection ─► routes ─► Services::answer ─► Metered body ─► tonic ─► Inference ─┬─► infer ─► Prediction
//!                (HTTP/2,      │              (limit, pace,             │          ├─► stream (many infer)
//!                 application/ │               memory)                  │          ├─► models, repository
//!                 grpc)        └─ Counted body ◄──── tonic ◄────────────┘          └─► health, reflection
//! ```
//!
//! tonic does the protocol: methods, metadata, statuses, trailers. What it does not do is done around
//! it: the bytes of a message are reserved before they are held ([`meter`]), and an
//! answer stays counted until its client has read it ([`outbox`]). The messages of inference are not
//! decoded by generated code: what that allocates follows from what a client wrote, not from what was
//! reserved ([`infer`]). Nor do they go through tonic's buffer ([`kept`]).
//!
//! Sources: Triton's `grpc_service.proto`, of which open-inference-protocol's `open_inference_grpc.proto`
//! is a part (`forge-proto/proto`); gRPC's `PROTOCOL-HTTP2.md` and `health-checking.md`.

mod call;
mod error;
mod health;
mod infer;
mod kept;
mod meter;
mod models;
mod outbox;
mod repository;
mod service;
mod services;
mod statistics;
mod stream;
mod timeout;
mod wire;

/// The server's half of what is generated of `forge-proto/proto`; its messages are those of forge-proto.
#[allow(clippy::all, missing_debug_implementations, reason = "generated")]
mod generated {
    include!("generated/inference.rs");
}

#[cfg(any(test, feature = "fuzzing"))]
pub use infer::decode_request;
pub use kept::Kept;
pub use outbox::Counted;
pub use services::{Services, code_of, is_call};
pub use tonic::Status;
