//! What comes before a body is decoded.

use std::time::Duration;

use bytes::Bytes;

use super::purse::reservation;
use crate::http::{Bounds, Encoding, expand, only_field};

/// The most that a body may come to.
const MOST: usize = 1 << 20;

/// A compressed body, of which the first byte tells how: it never comes to more than it may, and what
/// it comes to was reserved.
pub(super) fn compressed_body(bytes: &[u8]) {
    let Some((which, body)) = bytes.split_first() else { return };
    let encoding = if which % 2 == 0 { Encoding::Gzip } else { Encoding::Deflate };
    let bounds = Bounds { max_bytes: MOST, says_so: "", timeout: Duration::ZERO, budget: 0 };
    let mut memory = reservation();
    let Ok(expanded) = expand(encoding, body, bounds, &mut memory) else { return };
    assert!(expanded.len() <= MOST);
    assert!(expanded.capacity() <= memory.bytes());
}

/// A form between whose fields stands `b`: its only field is a part of it and holds no other.
pub(super) fn form(bytes: &[u8]) {
    let Ok(field) = only_field(&Bytes::copy_from_slice(bytes), "b") else { return };
    assert!(bytes.windows(field.len().max(1)).any(|part| part == field) || field.is_empty());
    assert!(!field.windows(5).any(|part| part == b"\r\n--b"));
}
