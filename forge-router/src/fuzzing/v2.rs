//! The Open Inference Protocol.

use crate::v2::{read_texts, write_texts};

/// Strings as bytes, with their count before them: they are as many as was said, and no longer than
/// their bytes.
pub(super) fn texts(bytes: &[u8]) {
    let Some((count, bytes)) = bytes.split_first_chunk() else { return };
    let count = u64::from_le_bytes(*count);
    let Ok(texts) = read_texts(bytes, count) else { return };
    assert_eq!(texts.len() as u64, count);
    let mut written = Vec::new();
    write_texts(&texts, &mut written);
    assert_eq!(written, bytes);
}
