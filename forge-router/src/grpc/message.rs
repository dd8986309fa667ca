//! A message that stays as it came.

use bytes::{Buf, BufMut, Bytes};
use prost::DecodeError;
use prost::encoding::{DecodeContext, WireType};

/// The bytes of a `ModelInferRequest`: they are decoded once memory for what they say is reserved, and
/// beside the event loop where they are many.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Message(pub Bytes);

impl prost::Message for Message {
    fn merge(&mut self, mut buf: impl Buf) -> Result<(), DecodeError> {
        // Of tonic's buffer: no copy.
        self.0 = buf.copy_to_bytes(buf.remaining());
        Ok(())
    }

    fn encode_raw(&self, buf: &mut impl BufMut) {
        buf.put(self.0.clone());
    }

    fn encoded_len(&self) -> usize {
        self.0.len()
    }

    fn clear(&mut self) {
        self.0.clear();
    }

    /// Within another message it would be a field; it never is.
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

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;

    #[test]
    fn a_message_is_kept_byte_by_byte() {
        let bytes = Bytes::from_static(b"whatever it says");
        let message = Message::decode(bytes.clone()).unwrap();
        assert_eq!(message.0, bytes);
        assert_eq!(message.encode_to_vec(), bytes);
    }
}
