//! What holds of this crate's decoders for any bytes. `fuzz/` finds bytes, the tests here replay those it has kept.

use crate::descriptor::{HEADER_BYTES, Header, decode_entries, encode_entry};
use crate::{Arguments, FromWorker, MAX_TENSORS, MAX_TEXT, Structure, ToWorker};

/// Bytes of a frame's payload, as far as the descriptors are told.
const PAYLOAD: u64 = 1 << 20;

/// A target: what its seeds' folder and its program are called, and what it asserts.
pub type Target = (&'static str, fn(&[u8]));

/// Every target of this crate.
pub const TARGETS: [Target; 4] = [
    ("ring_descriptor", ring_descriptor),
    ("output_structure", output_structure),
    ("arguments", arguments),
    ("control_message", control_message),
];

/// Runs the target of that name.
///
/// # Panics
/// Where what it asserts does not hold, or there is none of that name.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    let (_, target) = target.unwrap_or_else(|| panic!("there is no target {name}"));
    target(bytes);
}

/// A header and the entries behind it, as they lie in a frame: tensors lie within the payload and apart from each other.
pub fn ring_descriptor(bytes: &[u8]) {
    let Ok(header) = Header::decode(bytes) else { return };
    assert!(header.tensors as usize <= MAX_TENSORS);
    assert_eq!(header.encode(), bytes[..HEADER_BYTES]);
    let entries = &bytes[HEADER_BYTES..];
    let length = entries.len().min(header.entries_bytes() as usize);
    let mut placed = Vec::new();
    if decode_entries(&entries[..length], PAYLOAD, &mut placed).is_err() {
        return;
    }
    let mut end = 0;
    for tensor in &placed {
        assert_eq!(tensor.meta.bytes(), Some(tensor.length));
        assert!(tensor.offset >= end);
        end = tensor.offset + tensor.length;
        assert!(end <= PAYLOAD);
    }
    let written: Vec<u8> = placed.iter().flat_map(encode_entry).collect();
    let mut again = Vec::new();
    assert_eq!(decode_entries(&written, PAYLOAD, &mut again), Ok(()));
    assert_eq!(again, placed);
}

/// The structure of an output: it is no larger than its bytes, and encodes to the same ones.
pub fn output_structure(bytes: &[u8]) {
    // A frame holds no more, which its reader has checked.
    let bytes = &bytes[..bytes.len().min(MAX_TEXT)];
    if let Ok(structure) = Structure::decode(bytes) {
        assert!(structure.tensors() <= bytes.len());
        assert_eq!(structure.encode(), bytes);
    }
}

/// The arguments of a batch.
pub fn arguments(bytes: &[u8]) {
    let bytes = &bytes[..bytes.len().min(MAX_TEXT)];
    if let Ok(given) = Arguments::new(bytes).decode() {
        // Numbers have longer forms too, so only what was written here compares.
        let Ok(written) = Arguments::encode(&given) else { return };
        assert!(written.len() <= bytes.len());
        let again = Arguments::new(&written).decode().map(|given| Arguments::encode(&given));
        assert_eq!(again, Ok(Ok(written)));
    }
}

/// A message of either end.
pub fn control_message(bytes: &[u8]) {
    if let Ok((message, _)) = postcard::take_from_bytes::<FromWorker>(bytes) {
        let written = postcard::to_stdvec(&message);
        assert!(written.is_ok_and(|written| written.len() <= bytes.len()));
    }
    if let Ok((message, _)) = postcard::take_from_bytes::<ToWorker>(bytes) {
        let written = postcard::to_stdvec(&message);
        assert!(written.is_ok_and(|written| written.len() <= bytes.len()));
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn kept_bytes_uphold_what_their_target_asserts() {
        for (name, target) in TARGETS {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(name);
            let seeds = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{name}: {error}"));
            let seeds: Vec<_> = seeds.map(|entry| entry.unwrap().path()).collect();
            assert!(!seeds.is_empty(), "{name} has no seeds");
            for seed in seeds {
                target(&fs::read(seed).unwrap());
            }
        }
    }
}
