//! What the head of a prediction says of its body and of the answer it wants.

use hyper::HeaderMap;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::http::request::Parts;

use crate::formats::{self, Format, FormatError, Given, raw};
use crate::tensor::Dtype;

/// Of the only tensor of a body that is its bare elements, and of such an answer.
pub const DTYPE: HeaderName = HeaderName::from_static("x-forge-dtype");
pub const SHAPE: HeaderName = HeaderName::from_static("x-forge-shape");

/// `true`: the first dimension of every tensor is rows.
const BATCH: HeaderName = HeaderName::from_static("x-forge-batch");

/// How a body is to be read, and what may be answered.
#[derive(Debug)]
pub struct Negotiated {
    pub given: Given,
    /// Of a body of [`Format::Raw`], where its client says so.
    pub dtype: Option<Dtype>,
    pub shape: Option<Vec<u64>>,
    /// Whether the request has rows, and its answer then, too.
    pub is_batch: bool,
    /// What the client accepts, best first; never empty.
    pub acceptable: Vec<Format>,
    /// How many classes the client wants in place of the outputs.
    pub top: Option<usize>,
}

impl Negotiated {
    /// Of an image that is answered in JSON.
    pub fn image() -> Self {
        let acceptable = vec![Format::Json];
        Self {
            given: Given::Image,
            dtype: None,
            shape: None,
            is_batch: false,
            acceptable,
            top: None,
        }
    }
}

/// Reads the head of a request.
pub fn negotiate(parts: &Parts) -> Result<Negotiated, FormatError> {
    let headers = &parts.headers;
    let content_type = text(headers, &CONTENT_TYPE)?;
    let given = formats::given(content_type)?;
    let described = |header: &HeaderName, name: &str| {
        let parameter = content_type.and_then(|it| formats::parameter(it, name));
        text(headers, header).map(|header| header.or(parameter))
    };
    let (mut dtype, mut shape) = (None, None);
    if given == Given::Tensors(Format::Raw) {
        dtype = described(&DTYPE, "dtype")?.map(raw::dtype).transpose()?;
        shape = described(&SHAPE, "shape")?.map(raw::shape).transpose()?;
    }
    let own = match given {
        Given::Tensors(format) => format,
        Given::Image => Format::Json,
    };
    let accept = headers.get_all(ACCEPT).iter();
    let accept: Vec<&str> = accept.filter_map(|value| value.to_str().ok()).collect();
    let mut acceptable = formats::acceptable(accept, own)?;
    let top = top(parts.uri.query())?;
    if top.is_some() {
        acceptable.retain(|format| *format == Format::Json);
        if acceptable.is_empty() {
            let told = "top classes are told in application/json";
            return Err(FormatError::NotAcceptable(told.to_owned()));
        }
    }
    let is_batch = is_batch(headers)?;
    Ok(Negotiated { given, dtype, shape, is_batch, acceptable, top })
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, FormatError> {
    let value = headers.get(name).map(HeaderValue::to_str).transpose();
    value.map_err(|_| FormatError::Invalid(format!("the header {name} is not plain ASCII")))
}

fn is_batch(headers: &HeaderMap) -> Result<bool, FormatError> {
    match headers.get(BATCH).map(HeaderValue::as_bytes) {
        None | Some(b"false") => Ok(false),
        Some(b"true") => Ok(true),
        Some(_) => {
            let told = "the header X-Forge-Batch is neither 'true' nor 'false'";
            Err(FormatError::Invalid(told.to_owned()))
        }
    }
}

/// `top` of a query; other parameters are nobody's business here.
fn top(query: Option<&str>) -> Result<Option<usize>, FormatError> {
    let mut pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    let Some((_, value)) = pairs.find(|(name, _)| *name == "top") else { return Ok(None) };
    let count = value.parse().ok().filter(|count| *count > 0);
    let wrong = || {
        FormatError::Invalid("top in the query is not a number of classes, as in ?top=5".to_owned())
    };
    count.map(Some).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn read(uri: &str, headers: &[(&str, &str)]) -> Result<Negotiated, FormatError> {
        let request = Request::builder().uri(uri);
        let request = headers.iter().fold(request, |it, (name, value)| it.header(*name, *value));
        negotiate(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn a_plain_request_is_a_row_of_json_answered_in_json() {
        let head = read("/v1/m/predict", &[]).unwrap();
        assert_eq!(head.given, Given::Tensors(Format::Json));
        assert_eq!((head.acceptable[0], head.is_batch, head.top), (Format::Json, false, None));
    }

    #[test]
    fn bare_elements_are_described_by_headers_or_by_their_type() {
        let octets = "application/octet-stream";
        for headers in [
            &[("content-type", octets), ("x-forge-dtype", "int8"), ("x-forge-shape", "2,3")][..],
            &[("content-type", "application/octet-stream; dtype=int8; shape=\"2,3\"")],
        ] {
            let head = read("/", headers).unwrap();
            assert_eq!((head.dtype, head.shape), (Some(Dtype::Int8), Some(vec![2, 3])));
            assert_eq!(head.acceptable[0], Format::Raw);
        }
    }

    #[test]
    fn images_and_top_classes_are_answered_in_json() {
        let head = read("/v1/m/predict?x=1&top=3", &[("content-type", "image/jpeg")]).unwrap();
        assert_eq!((head.acceptable.as_slice(), head.top), (&[Format::Json][..], Some(3)));
        for query in ["top=0", "top=-1", "top=", "top=all"] {
            assert!(read(&format!("/?{query}"), &[]).is_err(), "{query}");
        }
        let npy = [("accept", "application/x-npy")];
        assert!(matches!(read("/?top=1", &npy), Err(FormatError::NotAcceptable(_))));
    }

    #[test]
    fn a_header_says_whether_there_are_rows() {
        assert!(read("/", &[("x-forge-batch", "true")]).unwrap().is_batch);
        assert!(!read("/", &[("x-forge-batch", "false")]).unwrap().is_batch);
        assert!(read("/", &[("x-forge-batch", "1")]).is_err());
    }
}
