//! What tonic decodes in the place of a message that is kept.

use bytes::{Buf, BufMut};
use prost::DecodeError;
use prost::encoding::{DecodeContext, WireType};

/// Stands for a `ModelInferRequest`, whose bytes wait in the call's inbox (`meter.rs`): they are decoded once
/// memory for what they say is reserved, and beside the event loop where they are many.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Kept;

impl prost::Message for Kept {
    fn encode_raw(&self, _: &mut impl BufMut) {}

    fn encoded_len(&self) -> usize {
        0
    }

    fn clear(&mut self) {}

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        prost::encoding::skip_field(wire_type, tag, buf, context)
    }
}
