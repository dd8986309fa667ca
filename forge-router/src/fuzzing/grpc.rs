//! The messages of gRPC.

use bytes::Bytes;

use super::purse::reservation;
use super::v2;
use crate::grpc::decode_request;
use crate::pieces::Pieces;

/// A `ModelInferRequest`: its tensors are parts of the message, or were reserved; and what is accepted
/// of it has its rows' bytes.
pub(super) fn request(message: &[u8]) {
    let message = Bytes::copy_from_slice(message);
    let mut memory = reservation();
    let whole = decode_request(&message.clone().into(), &mut memory);
    // However the message is cut, it says the same.
    let mut cut = Pieces::from(message.clone());
    let mut pieces = cut.split_to(message.len() / 2);
    cut.iter().for_each(|piece| pieces.push(piece.clone()));
    let in_pieces = decode_request(&pieces, &mut reservation());
    assert_eq!(whole.is_ok(), in_pieces.is_ok());
    let (Ok(request), Ok(in_pieces)) = (whole, in_pieces) else { return };
    assert_eq!(request, in_pieces);
    let within = message.as_ptr_range();
    let is_part = |data: &Bytes| data.is_empty() || within.contains(&data.as_ptr());
    let data = request.inputs.iter().flat_map(|input| input.data.iter());
    let owned: usize = data.filter(|data| !is_part(data)).map(Bytes::len).sum();
    assert!(owned <= memory.bytes(), "{owned} bytes are held, {} were reserved", memory.bytes());
    v2::accepted(&request);
}
