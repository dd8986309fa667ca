//! How a body is divided into JSON and bytes, which a header alone says.

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

use crate::http::error::HttpError;
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

    /// The JSON and the bytes after it.
    ///
    /// # Errors
    /// [`RequestError::Invalid`] where the body is shorter than its JSON is said to be.
    pub fn split(self, mut body: Bytes) -> Result<(Bytes, Bytes), HttpError> {
        match self {
            Self::Json => Ok((body, Bytes::new())),
            Self::Raw => Ok((Bytes::new(), body)),
            Self::Headed(length) if length <= body.len() => Ok((body.split_to(length), body)),
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
        let body = Bytes::from_static(b"{}1234");
        let (json, tail) = Framing::Headed(2).split(body.clone()).unwrap();
        assert_eq!((&json[..], &tail[..]), (&b"{}"[..], &b"1234"[..]));
        assert_eq!(tail.as_ptr(), body[2..].as_ptr());
        assert_eq!(Framing::Raw.split(body.clone()).unwrap().1, body);
        let refused = Framing::Headed(7).split(body).unwrap_err().to_string();
        assert!(refused.contains("is 7, the body has 6 bytes"), "{refused}");
    }
}
