//! Files that lie beside models.

use crate::config::fields_of_text_proto;

/// A `config.pbtxt`: every field takes its letters of the text.
pub(super) fn triton(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(fields) = fields_of_text_proto(text) {
        assert!(fields <= text.len(), "{fields} fields of {} bytes", text.len());
    }
}
