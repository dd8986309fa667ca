//! Which version a request asks for, by its headers.

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

use super::error::HttpError;
use crate::model::{Named, VersionId, Wish};

/// `canary` or `stable`: the version of that role, where there is one.
const ROUTE: HeaderName = HeaderName::from_static("x-forge-route");

/// The number of the version that answered.
pub const VERSION: HeaderName = HeaderName::from_static("x-forge-version");

/// Reads the wish of a request. A version that it names elsewhere than in its headers goes before a role;
/// `sticky_header` is the model's setting.
pub fn of<'a>(
    headers: &'a HeaderMap,
    version: Option<VersionId>,
    sticky_header: Option<&str>,
) -> Result<Wish<'a>, HttpError> {
    let role = match headers.get(ROUTE).map(HeaderValue::as_bytes) {
        None => None,
        Some(b"canary") => Some(Named::Canary),
        Some(b"stable") => Some(Named::Stable),
        Some(_) => return Err(HttpError::UnknownRoute),
    };
    let sticky = sticky_header.and_then(|name| headers.get(name)).map(HeaderValue::as_bytes);
    Ok(Wish { named: version.map(Named::Version).or(role), sticky })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_a_role_or_its_client() {
        let headers = |pairs: &[(&'static str, &'static str)]| -> HeaderMap {
            pairs
                .iter()
                .map(|(name, value)| {
                    (HeaderName::from_static(name), HeaderValue::from_static(value))
                })
                .collect()
        };
        let user = headers(&[("x-user", "ann")]);
        assert_eq!(of(&user, None, None).unwrap(), Wish::default());
        assert_eq!(of(&user, None, Some("x-user")).unwrap().sticky, Some(&b"ann"[..]));
        let canary = headers(&[("x-forge-route", "canary")]);
        assert_eq!(of(&canary, None, Some("x-user")).unwrap().named, Some(Named::Canary));
        let version = Some(VersionId(3));
        assert_eq!(of(&canary, version, None).unwrap().named, version.map(Named::Version));
        assert!(of(&headers(&[("x-forge-route", "Canary")]), None, None).is_err());
    }
}
