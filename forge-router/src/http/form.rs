//! A form of one field (RFC 7578), as `curl -F data=@FILE` sends a file.

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header::CONTENT_TYPE;
use memchr::memmem;

use crate::formats;
use crate::request::RequestError;

const FORM: &str = "multipart/form-data";

/// What ends the head of a field.
const BLANK_LINE: &[u8] = b"\r\n\r\n";

/// What stands between the fields of a form; `None` where the body is none.
pub fn boundary(headers: &HeaderMap) -> Option<String> {
    let content_type = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let essence = content_type.split(';').next().unwrap_or_default();
    let is_form = essence.trim().eq_ignore_ascii_case(FORM);
    is_form.then(|| formats::parameter(content_type, "boundary").unwrap_or_default().to_owned())
}

/// The content of the only field, whatever it is called: a slice of the body, nothing is copied.
///
/// # Errors
/// [`RequestError::Invalid`] where the body is no form of one field.
pub fn only_field(body: &Bytes, boundary: &str) -> Result<Bytes, RequestError> {
    let delimiter = format!("\r\n--{boundary}");
    let field = body.strip_prefix(&delimiter.as_bytes()[2..]);
    let field = field.ok_or_else(|| malformed("it does not begin with its boundary"))?;
    let head = memmem::find(field, BLANK_LINE).ok_or_else(|| malformed("it ends early"))?;
    let content = &field[head + BLANK_LINE.len()..];
    let end = memmem::find(content, delimiter.as_bytes());
    let end = end.ok_or_else(|| malformed("it ends early"))?;
    if !content[end + delimiter.len()..].starts_with(b"--") {
        return Err(malformed("it has more than one field"));
    }
    Ok(body.slice_ref(&content[..end]))
}

fn malformed(cause: &str) -> RequestError {
    RequestError::Invalid(format!("the body is no form of one field: {cause}"))
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    /// As curl 8 sends a file.
    const CURLS: &[u8] =
        b"--cut\r\nContent-Disposition: form-data; name=\"data\"; filename=\"a\"\r\n\
          Content-Type: application/octet-stream\r\n\r\nsome\r\n\r\nbytes\r\n--cut--\r\n";

    fn content(body: &[u8]) -> Result<Bytes, String> {
        only_field(&Bytes::copy_from_slice(body), "cut").map_err(|error| error.to_string())
    }

    #[test]
    fn a_form_is_known_by_its_type() {
        for (content_type, expected) in [
            ("multipart/form-data; boundary=cut", Some("cut")),
            ("Multipart/Form-Data; charset=utf-8; boundary=\"c u t\"", Some("c u t")),
            ("multipart/form-data", Some("")),
            ("application/json; boundary=cut", None),
        ] {
            let value = HeaderValue::from_static(content_type);
            let headers = [(CONTENT_TYPE, value)].into_iter().collect();
            assert_eq!(boundary(&headers).as_deref(), expected, "{content_type}");
        }
        assert_eq!(boundary(&HeaderMap::new()), None);
    }

    #[test]
    fn the_only_field_is_cut_out() {
        assert_eq!(content(CURLS).unwrap(), &b"some\r\n\r\nbytes"[..]);
        assert_eq!(content(b"--cut\r\n\r\n\r\n--cut--").unwrap(), &b""[..]);
        let body = Bytes::from_static(CURLS);
        let cut = only_field(&body, "cut").unwrap();
        assert!(body.as_ptr_range().contains(&cut.as_ptr()));
    }

    #[test]
    fn what_is_no_form_of_one_field_is_refused() {
        for (body, told) in [
            (&b""[..], "it does not begin with its boundary"),
            (b"[1, 2]", "it does not begin with its boundary"),
            (b"--cut", "it ends early"),
            (b"--cut\r\nContent-Type: a\r\n", "it ends early"),
            (b"--cut\r\n\r\nbytes\r\n--cu", "it ends early"),
            (b"--cut\r\n\r\na\r\n--cut\r\n\r\nb\r\n--cut--", "it has more than one field"),
        ] {
            let refused = content(body).unwrap_err();
            assert!(refused.ends_with(told), "{refused}");
        }
    }
}
