//! Bodies that come or go compressed: gzip (RFC 1952) and deflate, which in HTTP is zlib's form of it
//! (RFC 9110, section 8.4.1.2).
//!
//! What a body expands to is reserved as it grows and bounded like a body that is not compressed, so
//! that a few bytes cannot ask for all of the memory.

use std::io::{Read, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::bufread::{GzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};
use hyper::HeaderMap;
use hyper::body::Incoming;
use hyper::header::{ACCEPT_ENCODING, CONTENT_ENCODING};

use super::body::{self, Bounds};
use super::codec::aside;
use super::error::HttpError;
use crate::memory_budget::Reservation;
use crate::request::RequestError;

/// What is understood, for who sent something else.
pub const UNDERSTOOD: &str = "gzip, deflate";

/// The least room for an expanded body.
const FIRST_ROOM: usize = 4096;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Gzip,
    Deflate,
}

impl Encoding {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }

    /// The encoding of that name in a header.
    pub fn named(name: &str) -> Option<Self> {
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        match () {
            () if is("gzip") || is("x-gzip") => Some(Self::Gzip),
            () if is("deflate") => Some(Self::Deflate),
            () => None,
        }
    }
}

/// How a request's body is compressed; `None` where it is not.
///
/// # Errors
/// [`HttpError::UnknownEncoding`] for any other, and for several.
pub fn of_body(headers: &HeaderMap) -> Result<Option<Encoding>, HttpError> {
    let mut encoding = None;
    for value in headers.get_all(CONTENT_ENCODING) {
        let name = String::from_utf8_lossy(value.as_bytes());
        let name = name.trim();
        if name.is_empty() || name.eq_ignore_ascii_case("identity") {
            continue;
        }
        match (Encoding::named(name), encoding) {
            (Some(known), None) => encoding = Some(known),
            _ => return Err(HttpError::UnknownEncoding(name.chars().take(64).collect())),
        }
    }
    Ok(encoding)
}

/// How an answer may be compressed: the first of those that the client takes.
pub fn accepted(headers: &HeaderMap) -> Option<Encoding> {
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).find_map(|choice| {
        let (name, weight) = choice.split_once(';').unwrap_or((choice, ""));
        let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok());
        Encoding::named(name.trim()).filter(|_| weight.is_none_or(|weight| weight > 0.0))
    })
}

/// The body as it was before it was compressed; its bytes are reserved in `memory` besides.
///
/// # Errors
/// [`HttpError::BodyTooLarge`] and [`RequestError::MemoryFull`] as for a body that comes so;
/// [`RequestError::Invalid`] where it is not of that encoding.
pub fn expand(
    encoding: Encoding,
    body: &[u8],
    bounds: Bounds,
    memory: &mut Reservation,
) -> Result<Vec<u8>, HttpError> {
    let rest = match encoding {
        Encoding::Gzip => {
            let mut decoder = GzDecoder::new(body);
            let expanded = read_all(&mut decoder, encoding, bounds, memory)?;
            (expanded, decoder.into_inner().len())
        }
        Encoding::Deflate => {
            let mut decoder = ZlibDecoder::new(body);
            let expanded = read_all(&mut decoder, encoding, bounds, memory)?;
            (expanded, decoder.into_inner().len())
        }
    };
    match rest {
        (expanded, 0) => Ok(expanded),
        (_, left) => Err(broken(encoding, &format!("{left} bytes follow its end"))),
    }
}

/// A body as it was before it was compressed, where it was; and how long it came.
pub async fn read(
    body: &mut Incoming,
    encoding: Option<Encoding>,
    bounds: Bounds,
    mut memory: Reservation,
) -> Result<(Bytes, usize, Reservation), HttpError> {
    let bytes = body::read(body, bounds, &mut memory).await?;
    let length = bytes.len();
    let Some(encoding) = encoding else { return Ok((bytes, length, memory)) };
    let (bytes, memory) = expand_aside(encoding, bytes, memory, bounds).await?;
    Ok((bytes, length, memory))
}

/// [`expand`], beside the event loop: a few bytes may stand for many. `memory` holds the body's bytes and
/// comes to hold those.
pub async fn expand_aside(
    encoding: Encoding,
    body: Bytes,
    mut memory: Reservation,
    bounds: Bounds,
) -> Result<(Bytes, Reservation), HttpError> {
    aside(move || {
        let held = memory.bytes();
        let expanded = expand(encoding, &body, bounds, &mut memory)?;
        drop(body);
        memory.shrink(held);
        Ok((expanded.into(), memory))
    })
    .await?
}

/// The answer compressed, fast rather than small; what that takes is reserved before.
pub fn compress(
    encoding: Encoding,
    body: &[u8],
    memory: &mut Reservation,
) -> Result<Vec<u8>, HttpError> {
    // What cannot be compressed is stored, in blocks with a few bytes around them.
    let most = body.len() + body.len() / 1000 + 128;
    if !memory.grow(most) {
        return Err(RequestError::MemoryFull { limit: memory.limit() }.into());
    }
    let room = Vec::with_capacity(body.len() / 2);
    let compressed = match encoding {
        Encoding::Gzip => {
            let mut encoder = GzEncoder::new(room, Compression::fast());
            encoder.write_all(body).and_then(|()| encoder.finish())
        }
        Encoding::Deflate => {
            let mut encoder = ZlibEncoder::new(room, Compression::fast());
            encoder.write_all(body).and_then(|()| encoder.finish())
        }
    };
    compressed.map_err(|error| HttpError::Internal(error.to_string()))
}

fn read_all(
    decoder: &mut impl Read,
    encoding: Encoding,
    bounds: Bounds,
    memory: &mut Reservation,
) -> Result<Vec<u8>, HttpError> {
    let mut expanded: Vec<u8> = Vec::new();
    let mut length = 0;
    loop {
        if length == expanded.len() {
            // One byte beyond the bound tells that there is more.
            let room = (2 * length).max(FIRST_ROOM).min(bounds.max_bytes.saturating_add(1));
            if length >= room {
                return Err(bounds.exceeded());
            }
            // While it moves, both the old and the new one are held.
            if !memory.grow(room) {
                return Err(RequestError::MemoryFull { limit: bounds.budget }.into());
            }
            expanded.reserve_exact(room - length);
            memory.shrink(length);
            expanded.resize(room, 0);
        }
        let read = decoder.read(&mut expanded[length..]);
        match read.map_err(|error| broken(encoding, &error.to_string()))? {
            0 => break,
            read => length += read,
        }
    }
    if length > bounds.max_bytes {
        return Err(bounds.exceeded());
    }
    expanded.truncate(length);
    Ok(expanded)
}

fn broken(encoding: Encoding, cause: &str) -> HttpError {
    RequestError::Invalid(format!("the body is not {}: {cause}", encoding.name())).into()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hyper::header::HeaderValue;

    use super::*;
    use crate::memory_budget::MemoryBudget;

    fn bounds(max_bytes: usize) -> Bounds {
        Bounds { max_bytes, says_so: "a test", timeout: Duration::ZERO, budget: 0 }
    }

    fn compressed(encoding: Encoding, body: &[u8]) -> Vec<u8> {
        let mut memory = MemoryBudget::new(usize::MAX).reservation();
        compress(encoding, body, &mut memory).unwrap()
    }

    #[test]
    fn what_is_compressed_expands_to_what_it_was() {
        for encoding in [Encoding::Gzip, Encoding::Deflate] {
            for length in [0, 1, FIRST_ROOM - 1, FIRST_ROOM, FIRST_ROOM + 1, 100_000] {
                let body: Vec<u8> = (0..length).map(|at| (at * at / 7) as u8).collect();
                let mut memory = MemoryBudget::new(usize::MAX).reservation();
                let sent = compressed(encoding, &body);
                let expanded = expand(encoding, &sent, bounds(length), &mut memory).unwrap();
                assert!(expanded == body, "{encoding:?} {length}");
                assert!(memory.bytes() >= length, "{encoding:?} {length}");
            }
        }
    }

    #[test]
    fn a_bomb_is_refused_at_the_bound_of_a_body() {
        let bomb = compressed(Encoding::Gzip, &vec![0; 10_000_000]);
        assert!(bomb.len() < 100_000);
        let budget = MemoryBudget::new(300_000);
        let mut memory = budget.reservation();
        let refused = expand(Encoding::Gzip, &bomb, bounds(100_000), &mut memory).unwrap_err();
        assert!(matches!(refused, HttpError::BodyTooLarge { .. }), "{refused}");
        let refused = expand(Encoding::Gzip, &bomb, bounds(1_000_000), &mut memory).unwrap_err();
        assert!(matches!(refused, HttpError::Request(RequestError::MemoryFull { .. })));
    }

    #[test]
    fn what_is_not_of_its_encoding_is_refused() {
        let good = compressed(Encoding::Deflate, b"some text");
        let longer = [&good[..], b"x"].concat();
        let mut wrong_sum = good.clone();
        *wrong_sum.last_mut().unwrap() ^= 1;
        let mut memory = MemoryBudget::new(usize::MAX).reservation();
        for body in [&b"{}"[..], b"", &good[..good.len() - 2], &longer, &wrong_sum] {
            let refused = expand(Encoding::Deflate, body, bounds(100), &mut memory).unwrap_err();
            assert!(refused.to_string().contains("the body is not deflate"), "{refused}");
        }
    }

    #[test]
    fn encodings_are_known_by_their_names() {
        let headers = |name, value: &'static str| -> HeaderMap {
            [(name, HeaderValue::from_static(value))].into_iter().collect()
        };
        for (value, expected) in [
            ("gzip", Some(Some(Encoding::Gzip))),
            ("Deflate", Some(Some(Encoding::Deflate))),
            ("identity", Some(None)),
            ("br", None),
            ("gzip, deflate", None),
        ] {
            let of = of_body(&headers(CONTENT_ENCODING, value)).ok();
            assert_eq!(of, expected, "{value}");
        }
        for (value, expected) in [
            ("gzip, deflate, br", Some(Encoding::Gzip)),
            ("br, deflate;q=0.5", Some(Encoding::Deflate)),
            ("gzip;q=0, deflate", Some(Encoding::Deflate)),
            ("*", None),
            ("identity", None),
            ("", None),
        ] {
            assert_eq!(accepted(&headers(ACCEPT_ENCODING, value)), expected, "{value}");
        }
    }
}
