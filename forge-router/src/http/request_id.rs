//! The name of a request in answers, headers and logs.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

/// Where clients give an id and find it again.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const LONGEST: usize = 128;

/// Makes ids that no other request of this process has.
#[derive(Debug)]
pub struct RequestIds {
    next: AtomicU64,
}

impl RequestIds {
    /// `start` and the standard library's random seed set one process apart from another.
    pub fn new(start: Instant) -> Self {
        Self { next: AtomicU64::new(RandomState::new().hash_one(start)) }
    }

    /// The client's own id where it is 1–128 visible ASCII characters, else a new one.
    pub fn of(&self, headers: &HeaderMap) -> HeaderValue {
        match headers.get(X_REQUEST_ID) {
            Some(given) if is_usable(given) => given.clone(),
            _ => self.make(),
        }
    }

    fn make(&self) -> HeaderValue {
        let id = hexadecimal(mix(self.next.fetch_add(1, Ordering::Relaxed)));
        // Hexadecimal digits are a valid header value.
        HeaderValue::from_bytes(&id).unwrap_or(HeaderValue::from_static("0"))
    }
}

/// The id as text; ids are visible ASCII by construction.
pub fn as_text(id: &HeaderValue) -> &str {
    id.to_str().unwrap_or_default()
}

fn is_usable(given: &HeaderValue) -> bool {
    let bytes = given.as_bytes();
    (1..=LONGEST).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
}

/// All digits of a number; without `format!`, which takes five times as long.
fn hexadecimal(number: u64) -> [u8; 16] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    std::array::from_fn(|place| DIGITS[(number >> (60 - 4 * place) & 15) as usize])
}

/// Spreads a counter over all 64 bits without ever giving a number twice: the finalizer of
/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
fn mix(counter: u64) -> u64 {
    let mut z = counter.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn id_for(given: &[u8]) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(X_REQUEST_ID, HeaderValue::from_bytes(given).unwrap());
        as_text(&RequestIds::new(Instant::now()).of(&headers)).to_owned()
    }

    #[test]
    fn a_usable_id_is_echoed() {
        let longest = "x".repeat(LONGEST);
        for given in ["a", "req-42/é".split('/').next().unwrap_or_default(), &longest] {
            assert_eq!(id_for(given.as_bytes()), given);
        }
    }

    #[test]
    fn an_unusable_id_is_replaced() {
        let too_long = "x".repeat(LONGEST + 1);
        for given in ["", "two words", "tab\there", "caf\u{e9}", &too_long] {
            let id = id_for(given.as_bytes());
            assert_ne!(id, given);
            assert_eq!(id.len(), 16);
        }
    }

    #[test]
    fn a_number_is_written_with_all_its_digits() {
        for number in [0, 1, 0xfedc_ba98_7654_3210, u64::MAX] {
            assert_eq!(hexadecimal(number), format!("{number:016x}").as_bytes());
        }
    }

    #[test]
    fn no_two_requests_get_the_same_id() {
        let ids = RequestIds::new(Instant::now());
        let seen: HashSet<HeaderValue> = (0..10_000).map(|_| ids.make()).collect();
        assert_eq!(seen.len(), 10_000);
    }
}
