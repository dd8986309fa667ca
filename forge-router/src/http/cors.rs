//! Cross-origin answers for `/v1` and `/v2`, as the original gave them; its origins are a setting.
//!
//! Only reading and predicting is ever offered to other origins: a page a user happens to look at
//! must not be able to change what the server runs (`admin/` refuses it, too).

use hyper::HeaderMap;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    HeaderValue, ORIGIN, VARY,
};

/// The headers of answers that pages may read beside the usual ones.
const EXPOSED: &str =
    "x-request-id, x-forge-version, x-forge-dtype, x-forge-shape, inference-header-content-length";

/// Which origins may read answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cors {
    Nobody,
    Anybody,
    These(Vec<HeaderValue>),
}

impl Cors {
    /// `*` stands for every origin; an empty list for none.
    pub fn new(origins: &[String]) -> Self {
        if origins.iter().any(|origin| origin == "*") {
            return Self::Anybody;
        }
        let origins: Vec<HeaderValue> =
            origins.iter().filter_map(|origin| HeaderValue::try_from(origin).ok()).collect();
        if origins.is_empty() { Self::Nobody } else { Self::These(origins) }
    }

    /// Adds to an answer what lets the asking page read it.
    pub fn allow(&self, asked: &HeaderMap, answer: &mut HeaderMap) {
        let Some(origin) = asked.get(ORIGIN) else { return };
        let allowed = match self {
            Self::Nobody => return,
            Self::Anybody => HeaderValue::from_static("*"),
            Self::These(origins) => {
                answer.append(VARY, HeaderValue::from_static("Origin"));
                if !origins.contains(origin) {
                    return;
                }
                origin.clone()
            }
        };
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }

    /// Adds to the answer of a preflight what may be asked.
    pub fn preflight(&self, asked: &HeaderMap, answer: &mut HeaderMap) {
        self.allow(asked, answer);
        if !answer.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
            return;
        }
        answer.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
        // Headers cannot change what the server does, so a page may send any, as with the original.
        if let Some(headers) = asked.get(ACCESS_CONTROL_REQUEST_HEADERS) {
            answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, headers.clone());
        }
        answer.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(origins: &[&str], origin: Option<&str>) -> Option<String> {
        let cors =
            Cors::new(&origins.iter().map(|origin| (*origin).to_owned()).collect::<Vec<_>>());
        let (mut asked, mut answer) = (HeaderMap::new(), HeaderMap::new());
        if let Some(origin) = origin {
            asked.insert(ORIGIN, HeaderValue::try_from(origin).unwrap());
        }
        cors.preflight(&asked, &mut answer);
        assert_eq!(
            answer.contains_key(ACCESS_CONTROL_ALLOW_METHODS),
            answer.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN)
        );
        let value = answer.get(ACCESS_CONTROL_ALLOW_ORIGIN)?;
        Some(value.to_str().unwrap().to_owned())
    }

    #[test]
    fn origins_are_allowed_as_configured() {
        let page = Some("https://a.example");
        for (origins, asked, expected) in [
            (&["*"][..], page, Some("*")),
            (&["*"], None, None),
            (&["https://a.example"], page, page),
            (&["https://b.example"], page, None),
            (&[], page, None),
        ] {
            assert_eq!(allowed(origins, asked).as_deref(), expected, "{origins:?} {asked:?}");
        }
    }
}
