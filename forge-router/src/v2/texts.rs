//! Strings as bytes: each after its length, a little-endian `u32`.

/// The strings in `bytes`, of which there are `count`.
///
/// # Errors
/// A sentence about what does not fit: a length that lies, bytes that are missing or left over, text
/// that is not UTF-8.
pub fn read_texts(mut bytes: &[u8], count: u64) -> Result<Vec<String>, String> {
    // Each takes at least its length, so a count alone allocates nothing.
    let most = bytes.len() as u64 / 4;
    if count > most {
        return Err(format!("{} bytes cannot hold {count} strings", bytes.len()));
    }
    let mut texts = Vec::with_capacity(usize::try_from(count).unwrap_or(0));
    for place in 0..count {
        let (length, rest) = bytes
            .split_first_chunk()
            .ok_or_else(|| format!("the bytes end before string {place} of {count}"))?;
        let length = u32::from_le_bytes(*length) as usize;
        let text = rest.get(..length).ok_or_else(|| {
            format!("string {place} claims {length} bytes, {} are left", rest.len())
        })?;
        let text = std::str::from_utf8(text);
        texts.push(text.map_err(|_| format!("string {place} is not UTF-8"))?.to_owned());
        bytes = &rest[length..];
    }
    match bytes.len() {
        0 => Ok(texts),
        left => Err(format!("{left} bytes are left over after {count} strings")),
    }
}

/// Appends the strings; the reverse of [`read_texts`].
pub fn write_texts<T: AsRef<[u8]>>(texts: &[T], into: &mut Vec<u8>) {
    for text in texts.iter().map(AsRef::as_ref) {
        // Neither a structure nor a label of the models' is anywhere near 4 GiB.
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        into.extend_from_slice(&length.to_le_bytes());
        into.extend_from_slice(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_read_back_as_written() {
        for texts in [vec![], vec![""], vec!["a", "", "λ"]] {
            let mut bytes = Vec::new();
            write_texts(&texts, &mut bytes);
            let read = read_texts(&bytes, texts.len() as u64).unwrap();
            assert_eq!(read, texts);
        }
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        for (bytes, count, cause) in [
            (&[][..], 1, "0 bytes cannot hold 1 strings"),
            (&[0, 0, 0, 0], u64::MAX, "cannot hold"),
            (&[5, 0, 0, 0, b'a'], 1, "string 0 claims 5 bytes, 1 are left"),
            (&[255; 4], 1, "string 0 claims 4294967295 bytes"),
            (&[4, 0, 0, 0, b'a', b'b', b'c', b'd'], 2, "the bytes end before string 1 of 2"),
            (&[1, 0, 0, 0, b'a', 9], 1, "1 bytes are left over"),
            (&[1, 0, 0, 0, 0xFF], 1, "string 0 is not UTF-8"),
            (&[7], 0, "1 bytes are left over"),
        ] {
            let error = read_texts(bytes, count).unwrap_err();
            assert!(error.contains(cause), "{error}");
        }
    }
}
