//! What a request tells of who sent it and by which way it came.

use std::net::IpAddr;

use hyper::HeaderMap;
use hyper::header::{HOST, ORIGIN};
use hyper::http::request::Parts;
use hyper::http::uri::Authority;

/// What proxies add.
const FORWARDED: [&str; 4] = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];

/// Whether a page sent it that is not this server's own. Every browser says so with a POST; programs
/// say nothing.
pub fn is_another_page(parts: &Parts) -> bool {
    let own = host(parts);
    let is_own = |origin: &[u8]| {
        // The scheme says nothing: a proxy may take TLS off.
        let authority =
            origin.windows(3).position(|part| part == b"://").map(|at| &origin[at + 3..]);
        matches!((authority, &own), (Some(authority), Some(own))
            if authority.eq_ignore_ascii_case(own.as_bytes()))
    };
    let origins = parts.headers.get_all(ORIGIN).iter();
    let sites = parts.headers.get_all("sec-fetch-site").iter();
    origins.into_iter().any(|origin| !is_own(origin.as_bytes()))
        || sites.into_iter().any(|site| !matches!(site.as_bytes(), b"same-origin" | b"none"))
}

/// The header that shows that a proxy passed it on.
pub fn forwarded_by(headers: &HeaderMap) -> Option<&'static str> {
    FORWARDED.into_iter().find(|name| headers.contains_key(*name))
}

/// What the sender called this server. Several names are joined to one that nothing is equal to.
pub fn host(parts: &Parts) -> Option<String> {
    if let Some(authority) = parts.uri.authority() {
        return Some(authority.to_string());
    }
    let hosts: Vec<_> = parts.headers.get_all(HOST).iter().collect();
    let named = hosts.iter().map(|host| String::from_utf8_lossy(host.as_bytes()));
    (!hosts.is_empty()).then(|| named.collect::<Vec<_>>().join(", "))
}

/// Whether a host, with or without a port, can only be this machine.
pub fn is_local_name(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host();
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
pub(super) mod tests {
    use hyper::Request;

    use super::*;

    pub(in crate::http::admin) fn asked(headers: &[(&str, &str)]) -> Parts {
        let request = Request::post("/v1/m/reload");
        let request =
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_page_is_the_servers_own_or_refused() {
        let host = ("Host", "localhost:8000");
        for (headers, is_another) in [
            (&[host][..], false),
            (&[host, ("Origin", "http://localhost:8000")], false),
            (&[host, ("Origin", "https://LOCALHOST:8000")], false),
            (&[host, ("Origin", "http://localhost:3000")], true),
            (&[host, ("Origin", "http://127.0.0.1:8000")], true),
            (&[host, ("Origin", "https://evil.example")], true),
            (&[host, ("Origin", "http://localhost:8000.evil.example")], true),
            (&[host, ("Origin", "null")], true),
            (&[host, ("Origin", "")], true),
            (
                &[host, ("Origin", "http://localhost:8000"), ("Origin", "https://evil.example")],
                true,
            ),
            (&[("Origin", "http://localhost:8000")], true),
            (&[host, ("Sec-Fetch-Site", "cross-site")], true),
            (&[host, ("Sec-Fetch-Site", "same-site")], true),
            (&[host, ("Sec-Fetch-Site", "same-origin")], false),
            (&[host, ("Sec-Fetch-Site", "none")], false),
            (&[("Host", "forge.example.org"), ("Origin", "https://forge.example.org")], false),
        ] {
            assert_eq!(is_another_page(&asked(headers)), is_another, "{headers:?}");
        }
    }

    #[test]
    fn only_names_that_cannot_lead_elsewhere_are_local() {
        for (host, is_local) in [
            ("localhost", true),
            ("LocalHost:8000", true),
            ("127.0.0.1", true),
            ("127.1.2.3:8000", true),
            ("[::1]:8000", true),
            ("[::1]", true),
            ("0.0.0.0:8000", false),
            ("[::]", false),
            ("192.0.2.1", false),
            ("my-machine", false),
            ("127.0.0.1.evil.example", false),
            ("localhost, evil.example", false),
            ("", false),
        ] {
            assert_eq!(is_local_name(host), is_local, "{host}");
        }
    }
}
