//! What a service manager is told: sd_notify(3), by hand.
//!
//! One datagram of `NAME=value` lines to the socket that `NOTIFY_SOCKET` names. Where that is not
//! set, nobody asked and nothing is said. A manager that cannot be told is logged and never a reason
//! to stop serving.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use tokio::net::UnixDatagram;
use tokio::time::timeout;
use tracing::warn;

/// How long a service manager that does not read is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// The service manager that started this process, if one wants to hear from it.
#[derive(Debug)]
pub struct ServiceManager {
    socket: Option<UnixDatagram>,
    /// Between the last model's readiness and the end.
    is_ready: AtomicBool,
}

/// `NOTIFY_SOCKET` leads nowhere; the service manager's fault.
#[derive(Debug, thiserror::Error)]
enum SocketError {
    #[error("it is neither an absolute path nor an abstract name")]
    Kind,
    #[error(transparent)]
    Socket(#[from] io::Error),
}

impl ServiceManager {
    /// The one that `NOTIFY_SOCKET` names.
    pub fn from_environment() -> Self {
        let Some(name) = std::env::var_os("NOTIFY_SOCKET") else { return Self::new(None) };
        match connect(&name) {
            Ok(socket) => Self::new(Some(socket)),
            Err(error) => {
                warn!(%error, "the service manager cannot be told anything: NOTIFY_SOCKET is {name:?}");
                Self::new(None)
            }
        }
    }

    fn new(socket: Option<UnixDatagram>) -> Self {
        Self { socket, is_ready: AtomicBool::new(false) }
    }

    /// Whether anybody listens.
    pub fn is_there(&self) -> bool {
        self.socket.is_some()
    }

    /// Everything is up.
    pub async fn ready(&self, status: &str) {
        self.is_ready.store(true, Ordering::Relaxed);
        self.tell(&format!("READY=1\nSTATUS={status}")).await;
    }

    /// A line for people.
    pub async fn status(&self, status: &str) {
        self.tell(&format!("STATUS={status}")).await;
    }

    /// Tells that the config is read again, for as long as `reload` takes; nothing of it before the
    /// server was ready, and once it ends.
    pub async fn reloading<T>(&self, reload: impl Future<Output = T>) -> T {
        if !self.is_ready.load(Ordering::Relaxed) {
            return reload.await;
        }
        match clock_gettime(ClockId::CLOCK_MONOTONIC) {
            Ok(time) => {
                let since_boot = Duration::from(time).as_micros();
                self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={since_boot}")).await;
            }
            Err(error) => warn!(%error, "the clock cannot be read"),
        }
        let outcome = reload.await;
        if self.is_ready.load(Ordering::Relaxed) {
            self.tell("READY=1").await;
        }
        outcome
    }

    /// The end has begun; it may take that long, whatever the unit says.
    pub async fn stopping(&self, at_most: Duration) {
        self.is_ready.store(false, Ordering::Relaxed);
        let at_most = at_most.as_micros();
        let state = format!("STOPPING=1\nEXTEND_TIMEOUT_USEC={at_most}\nSTATUS=draining");
        self.tell(&state).await;
    }

    /// Feeds the watchdog.
    pub async fn alive(&self) {
        self.tell("WATCHDOG=1").await;
    }

    async fn tell(&self, state: &str) {
        let Some(socket) = &self.socket else { return };
        match timeout(PATIENCE, socket.send(state.as_bytes())).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => warn!(%error, "the service manager could not be told {state:?}"),
            Err(_) => warn!("the service manager does not read: it could not be told {state:?}"),
        }
    }
}

fn connect(name: &OsString) -> Result<UnixDatagram, SocketError> {
    let socket = std::os::unix::net::UnixDatagram::unbound()?;
    socket.connect_addr(&address(name)?)?;
    socket.set_nonblocking(true)?;
    Ok(UnixDatagram::from_std(socket)?)
}

/// A name that begins with `@` is abstract: it stands in no directory (unix(7)).
fn address(name: &OsStr) -> Result<SocketAddr, SocketError> {
    match name.as_bytes() {
        [b'/', ..] => Ok(SocketAddr::from_pathname(name)?),
        [b'@', rest @ ..] => Ok(SocketAddr::from_abstract_name(rest)?),
        _ => Err(SocketError::Kind),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU32;

    use super::*;

    /// A service manager that keeps what it is told.
    #[derive(Debug)]
    pub struct Heard {
        socket: std::os::unix::net::UnixDatagram,
        name: OsString,
    }

    impl Heard {
        pub fn new() -> Self {
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let name = OsString::from(format!("@forge-{}-{number}", std::process::id()));
            let address = address(&name).unwrap();
            let socket = std::os::unix::net::UnixDatagram::bind_addr(&address).unwrap();
            socket.set_nonblocking(true).unwrap();
            Self { socket, name }
        }

        pub fn manager(&self) -> Arc<ServiceManager> {
            Arc::new(ServiceManager::new(Some(connect(&self.name).unwrap())))
        }

        pub fn messages(&self) -> Vec<String> {
            let mut buffer = [0; 512];
            let mut next = || {
                let length = self.socket.recv(&mut buffer).ok()?;
                Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
            };
            std::iter::from_fn(&mut next).collect()
        }
    }

    #[tokio::test]
    async fn every_message_is_one_datagram_of_lines() {
        let heard = Heard::new();
        let manager = heard.manager();
        manager.ready("serving 3 models").await;
        manager.alive().await;
        manager.stopping(Duration::from_millis(1500)).await;
        let expected = [
            "READY=1\nSTATUS=serving 3 models",
            "WATCHDOG=1",
            "STOPPING=1\nEXTEND_TIMEOUT_USEC=1500000\nSTATUS=draining",
        ];
        assert_eq!(heard.messages(), expected);
    }

    #[tokio::test]
    async fn a_reload_is_told_only_between_readiness_and_the_end() {
        let heard = Heard::new();
        let manager = heard.manager();
        manager.reloading(async {}).await;
        manager.ready("serving").await;
        let meanwhile = async { heard.messages() };
        let before = manager.reloading(meanwhile).await;
        let since = before[1].strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
        assert!(since.parse::<u64>().is_ok_and(|since| since > 0), "{since}");
        manager.stopping(Duration::ZERO).await;
        manager.reloading(async {}).await;
        let after = heard.messages();
        assert_eq!((before.len(), after.len(), &*after[0]), (2, 2, "READY=1"));
    }

    #[tokio::test]
    async fn a_manager_that_is_gone_is_no_reason_to_stop() {
        let heard = Heard::new();
        let manager = heard.manager();
        drop(heard);
        manager.ready("serving").await;
        assert!(manager.is_there());
    }

    #[test]
    fn a_socket_is_named_by_an_absolute_path_or_an_abstract_name() {
        let path = address(OsStr::new("/run/systemd/notify")).unwrap();
        assert_eq!(path.as_pathname().unwrap().to_str(), Some("/run/systemd/notify"));
        let name = address(OsStr::new("@forge/1")).unwrap();
        assert_eq!(name.as_abstract_name(), Some(&b"forge/1"[..]));
        for other in ["", "run/notify", "vsock:2:1234"] {
            assert!(matches!(address(OsStr::new(other)), Err(SocketError::Kind)), "{other}");
        }
        assert!(matches!(address(OsStr::new(&"/x".repeat(100))), Err(SocketError::Socket(_))));
    }
}
