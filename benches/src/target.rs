//! Where a server is, as a person writes it.

use std::str::FromStr;

/// `http://HOST:PORT/BASE`, of which only the host has to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// `host:port`
    pub address: String,
    /// What comes before every path; without a slash at its end.
    pub base: String,
}

/// Why a text names no server.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TargetError {
    #[error("{0} names no host; write http://HOST:PORT")]
    NoHost(String),
    #[error("{0} takes TLS, which forge-bench does not speak; measure the server behind its proxy")]
    Tls(String),
    #[error("{0} is no scheme of a server of models; write http://HOST:PORT")]
    Scheme(String),
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let rest = match text.split_once("://") {
            None => text,
            Some(("http" | "grpc", rest)) => rest,
            Some(("https" | "grpcs", _)) => return Err(TargetError::Tls(text.to_owned())),
            Some((scheme, _)) => return Err(TargetError::Scheme(scheme.to_owned())),
        };
        let (authority, base) = rest.split_once('/').unwrap_or((rest, ""));
        let base = base.trim_end_matches('/');
        let base = if base.is_empty() { String::new() } else { format!("/{base}") };
        // The brackets of an IPv6 address hold colons, too.
        let after_host = authority.rsplit(']').next().unwrap_or_default();
        let address = match (authority, after_host.contains(':')) {
            ("", _) => return Err(TargetError::NoHost(text.to_owned())),
            (authority, true) => authority.to_owned(),
            (authority, false) => format!("{authority}:80"),
        };
        Ok(Self { address, base })
    }
}

/// A name as a part of a path (RFC 3986: all but unreserved characters as `%XX`).
pub fn in_path(name: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    };
    name.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_host_with_or_without_the_rest() {
        for (text, address, base) in [
            ("localhost:8000", "localhost:8000", ""),
            ("http://localhost:8000", "localhost:8000", ""),
            ("http://localhost:8000/", "localhost:8000", ""),
            ("http://models.example/a/b/", "models.example:80", "/a/b"),
            ("grpc://10.0.0.1:8001", "10.0.0.1:8001", ""),
            ("http://[::1]:8000", "[::1]:8000", ""),
            ("[::1]", "[::1]:80", ""),
        ] {
            let expected = Target { address: address.to_owned(), base: base.to_owned() };
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_spoken_to_is_refused() {
        assert!(matches!("https://a".parse::<Target>(), Err(TargetError::Tls(_))));
        assert!(matches!("ftp://a".parse::<Target>(), Err(TargetError::Scheme(_))));
        assert!(matches!("http:///a".parse::<Target>(), Err(TargetError::NoHost(_))));
        assert!(matches!("".parse::<Target>(), Err(TargetError::NoHost(_))));
    }

    #[test]
    fn names_are_encoded_in_paths() {
        assert_eq!(in_path("a-b/c ü"), "a-b%2Fc%20%C3%BC");
    }
}
