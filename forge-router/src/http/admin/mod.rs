//! Who may change the server over HTTP: `server.admin`.
//!
//! ```text
//! off ─► 403 · page of another origin ─► 403 ─┬─ loopback: this machine, asked directly ─► 403
//!                                             └─ token: one of the file's lines ─► 401
//! ```
//!
//! A browser on this machine is this machine, whatever page it shows. So a page of another origin is
//! refused by what browsers say of it (`Origin`, `Sec-Fetch-Site`), and a page whose name was made to
//! lead here (DNS rebinding) by the host that it asks for.

mod sender;
mod tokens;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use hyper::http::request::Parts;

use super::app::App;
use super::error::HttpError;
use crate::config::Admin;

/// Why somebody may not change the server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdminError {
    #[error("nothing can be changed over HTTP here (server.admin = \"off\")")]
    Off,
    #[error("pages of other origins cannot change the server")]
    OtherOrigin,
    #[error(
        "nothing can be changed over HTTP while Forge listens on {0}, which other machines may \
         reach: set server.admin = \"token\" and server.admin_token_file"
    )]
    BeyondLoopback(SocketAddr),
    #[error("{0} is not this machine, the only one that can change the server")]
    OtherMachine(SocketAddr),
    #[error(
        "the host {0:?} is not this machine by the name of localhost or 127.0.0.1: \
         server.admin = \"token\" lets others change the server"
    )]
    OtherHost(String),
    #[error(
        "the request came through a proxy ({0}), so that nobody knows from where: \
         server.admin = \"token\" lets others change the server"
    )]
    Forwarded(&'static str),
    #[error("a token is needed to change the server: Authorization: Bearer TOKEN")]
    NoToken,
    #[error("this token is not one of those that may change the server")]
    WrongToken,
    #[error("the tokens cannot be read, so that nobody can change the server: {0}")]
    NoTokens(String),
}

/// Lets pass who may change the server.
pub async fn check(app: &App, peer: SocketAddr, parts: &Parts) -> Result<(), HttpError> {
    let settings = &app.settings;
    match &settings.admin {
        Admin::Off => Err(AdminError::Off.into()),
        _ if sender::is_another_page(parts) => Err(AdminError::OtherOrigin.into()),
        Admin::Loopback => Ok(check_local(settings.address, peer, parts)?),
        Admin::Token { file } => check_token(file, parts).await,
    }
}

/// Whether a process of this machine asks a server that only such can ask.
fn check_local(bound: SocketAddr, peer: SocketAddr, parts: &Parts) -> Result<(), AdminError> {
    if !bound.ip().is_loopback() {
        return Err(AdminError::BeyondLoopback(bound));
    }
    if !peer.ip().is_loopback() {
        return Err(AdminError::OtherMachine(peer));
    }
    if let Some(header) = sender::forwarded_by(&parts.headers) {
        return Err(AdminError::Forwarded(header));
    }
    match sender::host(parts) {
        Some(host) if !sender::is_local_name(&host) => Err(AdminError::OtherHost(host)),
        _ => Ok(()),
    }
}

async fn check_token(file: &Path, parts: &Parts) -> Result<(), HttpError> {
    let given = tokens::bearer(&parts.headers).ok_or(AdminError::NoToken)?;
    let file: Arc<Path> = Arc::from(file);
    // Read for each request: few come, and nothing has to notice that the file changed.
    let reading = tokio::task::spawn_blocking(move || tokens::read(&file)).await;
    let good = reading.map_err(|error| HttpError::Internal(error.to_string()))?;
    let good = good.map_err(AdminError::NoTokens)?;
    if tokens::contain(&good, given) { Ok(()) } else { Err(AdminError::WrongToken.into()) }
}

#[cfg(test)]
mod tests {
    use super::sender::tests::asked;
    use super::*;

    #[test]
    fn this_machine_may_where_nobody_else_can_ask() {
        use AdminError::{BeyondLoopback, Forwarded, OtherHost, OtherMachine};
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let [local, local6] = [address("127.0.0.1:8000"), address("[::1]:8000")];
        let [every, other] = [address("0.0.0.0:8000"), address("192.0.2.7:8000")];
        let host = |host: &str| OtherHost(host.to_owned());
        for (bound, peer, headers, expected) in [
            (local, local, &[("Host", "localhost:8000")][..], Ok(())),
            (local, local, &[("Host", "127.0.0.1:8000")], Ok(())),
            (local6, local6, &[("Host", "[::1]:8000")], Ok(())),
            (local, local, &[], Ok(())),
            (every, local, &[("Host", "localhost:8000")], Err(BeyondLoopback(every))),
            (other, other, &[("Host", "localhost:8000")], Err(BeyondLoopback(other))),
            (local, other, &[("Host", "localhost:8000")], Err(OtherMachine(other))),
            (local, local, &[("Host", "evil.example:8000")], Err(host("evil.example:8000"))),
            (local, local, &[("Host", "localhost.evil.example")], {
                Err(host("localhost.evil.example"))
            }),
            (local, local, &[("Host", "192.0.2.7")], Err(host("192.0.2.7"))),
            (local, local, &[("X-Forwarded-For", "192.0.2.7")], Err(Forwarded("x-forwarded-for"))),
            (local, local, &[("Via", "1.1 proxy")], Err(Forwarded("via"))),
        ] {
            let outcome = check_local(bound, peer, &asked(headers));
            assert_eq!(outcome, expected, "{bound} {peer} {headers:?}");
        }
    }
}
