//! What a request asks of the batcher, by its headers.

use std::time::Duration;

use hyper::HeaderMap;
use hyper::header::HeaderName;

use super::error::HttpError;
use super::prediction::Asked;
use crate::request::RequestError;

/// The level of priority: 1 goes first, 0 is the model's default.
const PRIORITY: HeaderName = HeaderName::from_static("x-forge-priority");

/// Milliseconds until an answer is not wanted any more; 0 for the model's own time-out.
const TIMEOUT_MS: HeaderName = HeaderName::from_static("x-forge-timeout-ms");

/// Reads what the headers ask for; without them, nothing.
///
/// # Errors
/// [`RequestError::Invalid`] where one is no whole number.
pub fn of(headers: &HeaderMap) -> Result<Asked, HttpError> {
    let priority = whole_number(headers, &PRIORITY)?.unwrap_or(0);
    let timeout = whole_number(headers, &TIMEOUT_MS)?.filter(|timeout| *timeout > 0);
    Ok(Asked { priority, timeout: timeout.map(Duration::from_millis) })
}

fn whole_number(headers: &HeaderMap, name: &HeaderName) -> Result<Option<u64>, HttpError> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let number = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    let invalid = || RequestError::Invalid(format!("the header {name} is no whole number"));
    number.map(Some).ok_or_else(|| invalid().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(pairs: &[(&'static str, &'static str)]) -> Result<Asked, HttpError> {
        let header = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), value.parse().unwrap())
        };
        of(&pairs.iter().map(header).collect())
    }

    #[test]
    fn a_request_says_its_priority_and_how_long_it_waits() {
        let none = Asked::default();
        assert_eq!(asked(&[]).unwrap(), none);
        assert_eq!(asked(&[("x-forge-priority", "0"), ("x-forge-timeout-ms", "0")]).unwrap(), none);
        let both = asked(&[("x-forge-priority", "3"), ("x-forge-timeout-ms", " 250")]).unwrap();
        assert_eq!(both, Asked { priority: 3, timeout: Some(Duration::from_millis(250)) });
    }

    #[test]
    fn what_is_no_whole_number_is_refused() {
        for value in ["", "high", "-1", "1.5", "99999999999999999999"] {
            let error = asked(&[("x-forge-priority", value)]).unwrap_err();
            assert_eq!(error.to_string(), "the header x-forge-priority is no whole number");
            assert!(asked(&[("x-forge-timeout-ms", value)]).is_err(), "{value}");
        }
    }
}
