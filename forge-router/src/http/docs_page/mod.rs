//! `GET /docs`: Swagger UI over `/openapi.json`, from this program alone, so that it works offline.

mod archive;
mod asset;

use hyper::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, HeaderMap,
    HeaderName, HeaderValue, IF_NONE_MATCH, LOCATION, VARY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};

pub use asset::Asset;

use super::error::HttpError;
use super::reply::{self, Reply};
use super::status;
use archive::Entry;

const PAGE: &str = include_str!("page.html");
const PATH: &str = "/docs";

/// The page may load and ask this server alone; it and Swagger UI have styles in the markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// A day; an answer to `If-None-Match` is cheap.
const CACHED: &str = "max-age=86400";

/// `GET /docs`
pub fn page() -> Reply {
    let content_type = HeaderValue::from_static("text/html; charset=utf-8");
    let mut reply = reply::fresh(reply::with_type(StatusCode::OK, content_type, PAGE));
    insert(&mut reply, CONTENT_SECURITY_POLICY, POLICY);
    insert(&mut reply, X_CONTENT_TYPE_OPTIONS, "nosniff");
    reply
}

/// `GET /redoc`, which the original had, and `GET /docs/`
pub fn redirect() -> Reply {
    let mut reply = reply::empty(status::ELSEWHERE);
    insert(&mut reply, LOCATION, PATH);
    reply
}

/// `GET /docs/{asset}`
pub async fn asset(asset: Asset, asked: &HeaderMap) -> Result<Reply, HttpError> {
    let entry = asset.entry()?;
    let tag = entry.tag();
    let mut reply = if is_known(asked, &tag) {
        reply::empty(status::UNCHANGED)
    } else {
        with_content(asset, entry, asked).await?
    };
    insert(&mut reply, CACHE_CONTROL, CACHED);
    insert(&mut reply, VARY, "accept-encoding");
    insert(&mut reply, X_CONTENT_TYPE_OPTIONS, "nosniff");
    let tag = HeaderValue::try_from(tag).map_err(|error| HttpError::Internal(error.to_string()))?;
    reply.headers_mut().insert(ETAG, tag);
    Ok(reply)
}

async fn with_content(
    asset: Asset,
    entry: Entry<'static>,
    asked: &HeaderMap,
) -> Result<Reply, HttpError> {
    let content_type = HeaderValue::from_static(asset.content_type());
    if takes_gzip(asked)
        && let Some(gzip) = entry.gzip()
    {
        let mut reply = reply::with_type(StatusCode::OK, content_type, gzip);
        insert(&mut reply, CONTENT_ENCODING, "gzip");
        return Ok(reply);
    }
    // The script takes milliseconds to inflate, which the other requests should not wait for.
    let plain = tokio::task::spawn_blocking(move || entry.plain()).await;
    let plain = plain.map_err(|error| HttpError::Internal(error.to_string()))?;
    let plain = plain.map_err(|error| HttpError::Internal(error.to_string()))?;
    Ok(reply::with_type(StatusCode::OK, content_type, plain))
}

fn takes_gzip(asked: &HeaderMap) -> bool {
    let codings = asked.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    codings.flat_map(|codings| codings.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
        let is_refused =
            weight.trim().strip_prefix("q=").and_then(|it| it.parse().ok()) == Some(0.0);
        name.trim().eq_ignore_ascii_case("gzip") && !is_refused
    })
}

/// Whether the client holds what it asks for.
fn is_known(asked: &HeaderMap, tag: &str) -> bool {
    let held = asked.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    held.flat_map(|tags| tags.split(',')).any(|held| held.trim() == tag)
}

fn insert(reply: &mut Response<impl Sized>, name: HeaderName, value: &'static str) {
    reply.headers_mut().insert(name, HeaderValue::from_static(value));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        for (accepted, expected) in [
            (Some("gzip, deflate, br, zstd"), true),
            (Some("br;q=1.0, GZIP;q=0.5"), true),
            (Some("gzip;q=0"), false),
            (Some("identity"), false),
            (Some(""), false),
            (None, false),
        ] {
            let mut asked = HeaderMap::new();
            if let Some(accepted) = accepted {
                asked.insert(ACCEPT_ENCODING, HeaderValue::from_static(accepted));
            }
            assert_eq!(takes_gzip(&asked), expected, "{accepted:?}");
        }
    }
}
