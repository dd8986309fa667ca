//! How a body is divided into JSON and bytes, which a header alone says.

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

use crate::http::error::HttpError;
use crate::memory_budget::Reservation;
use crate::pieces::Pieces;
use crate::request::RequestError;

/// The bytes of JSON before the tensors.
pub const HEADER_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");

/// How a body is divided. `Content-Type` says nothing: clients leave it out or wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// JSON alone.
    Json,
    /// So many bytes of JSON, then tensors.
    Headed(usize),
    /// The one input of the model, without JSON.
    Raw,
}

impl Framing {
    /// # Errors
    /// [`RequestError::Invalid`] where the header is no number, or stands there twice.
    pub fn of(headers: &HeaderMap) -> Result<Self, HttpError> {
        let mut given = headers.get_all(HEADER_LENGTH).iter();
        let (first, second) = (given.next(), given.next());
        let Some(length) = first else { return Ok(Self::Json) };
        let digits = length.to_str().ok().filter(|text| text.bytes().all(|it| it.is_ascii_digit()));
        match (digits.and_then(|digits| digits.parse().ok()), second) {
            (Some(0), None) => Ok(Self::Raw),
            (Some(length), None) => Ok(Self::Headed(length)),
            _ => Err(invalid(format!("Inference-Header-Content-Length is no length: {length:?}"))),
        }
    }

    /// The JSON and the bytes after it. `memory` comes to hold the JSON beside the body where it has to be
    /// copied.
    ///
    /// # Errors
    /// [`RequestError::Invalid`] where the body is shorter than its JSON is said to be,
    /// [`RequestError::MemoryFull`].
    pub fn split(
        self,
        mut body: Pieces,
        memory: &mut Reservation,
    ) -> Result<(Bytes, Pieces), HttpError> {
        match self {
            Self::Json => Ok((body.whole(), Pieces::default())),
            Self::Raw => Ok((Bytes::new(), body)),
            Self::Headed(length) if length <= body.len() => {
                let json = body.split_to(length);
                if json.iter().count() > 1 && !memory.grow(length) {
                    return Err(RequestError::MemoryFull { limit: memory.limit() }.into());
                }
                Ok((json.whole(), body))
            }
            Self::Headed(length) => Err(invalid(format!(
                "Inference-Header-Content-Length is {length}, the body has {} bytes",
                body.len()
            ))),
        }
    }
}

/// The header of an answer with so much JSON.
pub fn header_value(length: usize) -> HeaderValue {
    HeaderValue::from(length)
}

fn invalid(cause: String) -> HttpError {
    RequestError::Invalid(cause).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory_budget::MemoryBudget;

    fn framing(values: &[&'static str]) -> Option<Framing> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(HEADER_LENGTH, HeaderValue::from_static(value));
        }
        Framing::of(&headers).ok()
    }

    #[test]
    fn the_header_alone_says_where_the_json_ends() {
        assert_eq!(framing(&[]), Some(Framing::Json));
        assert_eq!(framing(&["12"]), Some(Framing::Headed(12)));
        assert_eq!(framing(&["0"]), Some(Framing::Raw));
        for wrong in ["", "-1", "+1", "1.5", "x", "99999999999999999999999"] {
            assert_eq!(framing(&[wrong]), None, "{wrong}");
        }
        assert_eq!(framing(&["1", "1"]), None);
    }

    #[test]
    fn a_body_is_divided_without_a_copy() {
        let bytes = Bytes::from_static(b"{}1234");
        let body = Pieces::from(bytes.clone());
        let mut none = MemoryBudget::new(0).reservation();
        let (json, tail) = Framing::Headed(2).split(body.clone(), &mut none).unwrap();
        assert_eq!((json.as_ptr(), json.len()), (bytes.as_ptr(), 2));
        assert_eq!(tail.whole().as_ptr(), bytes[2..].as_ptr());
        assert_eq!(Framing::Raw.split(body.clone(), &mut none).unwrap().1, body);
        let refused = Framing::Headed(7).split(body, &mut none).unwrap_err().to_string();
        assert!(refused.contains("is 7, the body has 6 bytes"), "{refused}");
    }

    #[test]
    fn json_in_several_pieces_is_copied_where_there_is_memory_for_that() {
        let mut body = Pieces::default();
        for piece in [&b"{"[..], b"}12", b"34"] {
            body.push(Bytes::from_static(piece));
        }
        let split = |budget| {
            let mut memory = MemoryBudget::new(budget).reservation();
            Framing::Headed(2).split(body.clone(), &mut memory)
        };
        let (json, tail) = split(2).unwrap();
        assert_eq!((json, tail.whole()), ("{}".into(), "1234".into()));
        assert!(split(1).unwrap_err().to_string().contains("memory"));
    }
}
