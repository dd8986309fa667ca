//! The Open Inference Protocol (V2) as Triton speaks it, without its transports: what a request and an
//! answer are, and how they become the core's.
//!
//! ```text
//! http/v2: JSON + binary ─┐                                            ┌─► JSON + binary
//! grpc: protobuf ─────────┴─► InferRequest ─► accept ─► … ─► select ───┴─► protobuf
//! ```
//!
//! Sources: open-inference-protocol's `inference_rest.md` and `open_inference_grpc.proto`, Triton's
//! `extension_*.md`. Where they differ, real clients follow Triton.
//!
//! Everything in an [`InferRequest`] was written by a client: lengths, shapes and counts are checked
//! here, before anything is computed with them.

mod accept;
mod binary;
mod classify;
mod configuration;
mod datatype;
mod metadata;
mod repository;
mod request;
mod select;
mod statistics;
mod texts;
mod values;

pub use accept::{MOST_ROWS, accept, asked};
pub use binary::{attach, raw};
pub use classify::classify;
pub use configuration::{DynamicBatching, InstanceGroup, TensorConfiguration, configuration};
pub use datatype::Datatype;
pub use metadata::{ModelMetadata, TensorMetadata, inputs, metadata};
pub use repository::{check_load, index};
pub use request::{InferHead, InferInput, InferRequest, Parameters, RequestedOutput};
pub use select::{Selected, check_outputs};
pub use statistics::{InferenceStatistics, ModelStatistics, RowsStatistics, Spent, statistics};
pub use texts::{read_texts, write_texts};

/// What `GET /v2` and `ServerMetadata` name the server.
pub const SERVER_NAME: &str = "forge";

/// Those of Triton's extensions that work here.
pub const EXTENSIONS: [&str; 8] = [
    "binary_tensor_data",
    "classification",
    "model_configuration",
    "model_repository",
    "model_repository(unload_dependents)",
    "parameters",
    "schedule_policy",
    "statistics",
];

/// What models are, in the words of Triton's configuration.
pub const PLATFORM: &str = "pytorch_libtorch";
