//! The JSON codecs of `/v1`, of protocols like it and of `/v2`: bodies to tensors, tensors to answers. It is the router's hottest path.
//!
//! ```text
//! decode, instances (envelopes) ─► field (data + dtype) ─► tensor ─► number (digits) ─► element ─► bytes
//!        ├────────────► value (arguments that are no tensors) · reshape (data + shape)
//!        └────────────► skip (values of unknown keys)
//! response ─► structure ─► encode ─► text · list (arrays and objects of others)
//! infer_request (V2) ─► infer_data ─► tensor · infer_response ─► encode
//! reload (the body of a reload) · repository (those of Triton's model repository)
//! ```
//!
//! Decoding is one pass without an intermediate value: numbers go straight into the little-endian
//! bytes of the tensor. Three rules keep it safe for any bytes a client sends:
//!
//! * **Memory.** The elements of a tensor are counted (by its commas) and reserved with the
//!   [`Budget`] before they are allocated, once and without growth.
//! * **Stack.** Nothing recurses on what a client wrote: tensors have at most 7 dimensions, ignored
//!   values at most 128 levels, both tracked in fixed-size state.
//! * **Grammar.** RFC 8259, plus the tokens `NaN`, `Infinity` and `-Infinity` that Python's
//!   `json.dumps` writes.
//!
//! Numbers are rounded as the original's Python did: the nearest double first, then the nearest
//! value of the dtype. int64 is read exactly.

mod cursor;
mod decode;
mod digits;
mod element;
mod encode;
mod error;
mod field;
mod infer_data;
mod infer_request;
mod infer_response;
mod instances;
mod list;
mod nest;
mod number;
mod powers;
mod reload;
mod repository;
mod reshape;
mod response;
mod skip;
mod structure;
mod tensor;
mod text;
mod value;

#[cfg(test)]
mod tests;

pub use decode::{
    Budget, Declared, DecodeOptions, Decoded, DecodedInput, DecodedTensor, Form, Limits, decode,
};
pub use encode::{expected_text, write_tensor};
pub use error::DecodeError;
pub use infer_request::decode_infer;
pub use infer_response::{
    InferResponseHead, binary_size, expected_infer_response, write_infer_response,
};
pub use instances::{Instances, Layout, decode_instances, decode_tensor, has_member};
pub use list::{write_list, write_object};
pub use reload::{ReloadBody, decode_reload};
pub use repository::{RepositoryBody, decode_repository};
pub use response::{ResponseHead, write_response, write_with};
pub use structure::write_structure;
pub use text::write_string;
