//! The messages of gRPC.

use bytes::Bytes;

use super::purse::reservation;
use super::v2;
use crate::grpc::decode_request;

/// A `ModelInferRequest`: its tensors are slices of the message, or were reserved; and what is accepted
/// of it has its rows' bytes.
pub(super) fn request(message: &[u8]) {
    let message = Bytes::copy_from_slice(message);
    let mut memory = reservation();
    let Ok(request) = decode_request(&message, &mut memory) else { return };
    let within = message.as_ptr_range();
    let is_slice = |data: &Bytes| data.is_empty() || within.contains(&data.as_ptr());
    let owned = request.inputs.iter().map(|input| &input.data).filter(|data| !is_slice(data));
    let owned: usize = owned.map(Bytes::len).sum();
    assert!(owned <= memory.bytes(), "{owned} bytes are held, {} were reserved", memory.bytes());
    v2::accepted(&request);
}
