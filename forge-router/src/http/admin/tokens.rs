//! Tokens: as they stand in a file, and as they are sent.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use sha2::{Digest, Sha256};

/// Bytes of a file of tokens; room for hundreds.
const LONGEST_FILE: u64 = 64 * 1024;

/// The tokens of a file, one a line; at least one. Else why there are none.
pub fn read(file: &Path) -> Result<Vec<Vec<u8>>, String> {
    let mut text = Vec::new();
    let read = File::open(file).and_then(|file| file.take(LONGEST_FILE + 1).read_to_end(&mut text));
    read.map_err(|error: io::Error| error.to_string())?;
    if text.len() as u64 > LONGEST_FILE {
        return Err(format!("their file has more than {LONGEST_FILE} bytes"));
    }
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let tokens: Vec<_> = lines.filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect();
    if tokens.is_empty() { Err("their file is empty".to_owned()) } else { Ok(tokens) }
}

/// What follows `Bearer` in the only `Authorization` there is.
pub fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let (only, None) = (given.next()?.as_bytes(), given.next()) else { return None };
    let (scheme, token) = only.split_at_checked("Bearer ".len())?;
    let token = token.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"Bearer ") && !token.is_empty()).then_some(token)
}

/// Whether one of the tokens is the given one. How long that takes tells nothing of them: what is
/// compared are hashes, which who sends cannot choose the beginning of.
pub fn contain(tokens: &[Vec<u8>], given: &[u8]) -> bool {
    let given = Sha256::digest(given);
    tokens.iter().any(|token| Sha256::digest(token) == given)
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn a_token_is_sent_as_rfc_6750_says() {
        for (headers, token) in [
            (&["Bearer abc"][..], Some("abc")),
            (&["bearer  abc "], Some("abc")),
            (&["Bearer"], None),
            (&["Bearer "], None),
            (&["Basic abc"], None),
            (&["Bearerabc"], None),
            (&["abc"], None),
            (&[""], None),
            (&[], None),
            // Which of the two is meant?
            (&["Bearer abc", "Bearer abc"], None),
        ] {
            let mut sent = HeaderMap::new();
            for value in headers {
                sent.append(AUTHORIZATION, HeaderValue::from_static(value));
            }
            assert_eq!(bearer(&sent), token.map(str::as_bytes), "{headers:?}");
        }
    }

    #[test]
    fn only_a_whole_token_is_one() {
        let tokens = ["one", "two"].map(|token| token.as_bytes().to_vec());
        for (given, is_one) in [("one", true), ("two", true), ("on", false), ("one\ntwo", false)] {
            assert_eq!(contain(&tokens, given.as_bytes()), is_one, "{given}");
        }
    }
}
