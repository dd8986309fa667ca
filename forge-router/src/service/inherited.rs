//! A listening socket that whoever started forge has bound for it (sd_listen_fds(3)).
//!
//! `LISTEN_FDS` sockets from descriptor 3 on are meant for the process `LISTEN_PID`. Such a socket
//! outlives forge: connections that come while none runs, or while the next one loads, wait in its
//! queue, and two may hold it at once. That is how forge is replaced without a refused connection.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::RawFd;

use nix::errno::Errno;
use nix::sys::socket::{getsockopt, sockopt};

/// The first descriptor that is passed so.
const FIRST: RawFd = 3;

/// What was passed is not one listening TCP socket; the fault of who started forge.
#[derive(Debug, thiserror::Error)]
pub enum InheritedError {
    #[error("LISTEN_FDS is {0:?}, which is no number")]
    Malformed(String),
    /// A socket that is not served would keep its clients waiting for ever.
    #[error("{0} sockets were passed, but forge listens on one: name one ListenStream=")]
    TooMany(usize),
    #[error("descriptor {FIRST} was passed, but cannot be taken over: {0}")]
    Closed(Errno),
    #[error("descriptor {FIRST} was passed, but is no TCP socket that listens")]
    NotListening,
}

/// The socket that was passed to this process, if one was, and its address. To be called once, before
/// anything else could have come to own the descriptor.
pub fn inherited_listener() -> Result<Option<(TcpListener, SocketAddr)>, InheritedError> {
    let variable = |name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    let (pid, count) = (variable("LISTEN_PID"), variable("LISTEN_FDS"));
    match passed(pid.as_deref(), count.as_deref(), std::process::id())? {
        0 => Ok(None),
        1 => take_over(FIRST).map(Some),
        more => Err(InheritedError::TooMany(more)),
    }
}

/// How many sockets are meant for the process `own`.
fn passed(pid: Option<&str>, count: Option<&str>, own: u32) -> Result<usize, InheritedError> {
    // The variables also reach those whom they are not meant for: children of who got them.
    if pid.and_then(|pid| pid.parse().ok()) != Some(own) {
        return Ok(0);
    }
    let count = count.unwrap_or("0");
    count.parse().map_err(|_| InheritedError::Malformed(count.to_owned()))
}

/// Takes over what the number stands for. The original is closed, as workers would inherit it.
fn take_over(number: RawFd) -> Result<(TcpListener, SocketAddr), InheritedError> {
    let copy = forge_ipc::duplicate(number).map_err(InheritedError::Closed)?;
    if getsockopt(&copy, sockopt::AcceptConn) != Ok(true) {
        return Err(InheritedError::NotListening);
    }
    let listener = TcpListener::from(copy);
    let address = listener.local_addr().map_err(|_| InheritedError::NotListening)?;
    nix::unistd::close(number).map_err(InheritedError::Closed)?;
    Ok((listener, address))
}

#[cfg(test)]
mod tests {
    use std::os::fd::{AsRawFd, IntoRawFd};
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn sockets_are_counted_only_where_they_are_meant_for_this_process() {
        for (pid, count, expected) in [
            (None, None, Some(0)),
            (None, Some("1"), Some(0)),
            (Some("8"), Some("1"), Some(0)),
            (Some("me"), Some("1"), Some(0)),
            (Some("7"), None, Some(0)),
            (Some("7"), Some("1"), Some(1)),
            (Some("7"), Some("2"), Some(2)),
            (Some("7"), Some("-1"), None),
            (Some("7"), Some("one"), None),
        ] {
            assert_eq!(passed(pid, count, 7).ok(), expected, "{pid:?} {count:?}");
        }
    }

    #[test]
    fn a_listening_socket_is_taken_over_and_its_number_given_back() {
        let bound = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = bound.local_addr().unwrap();
        let number = bound.into_raw_fd();
        let (listener, told) = take_over(number).unwrap();
        assert_eq!((told, listener.local_addr().unwrap()), (address, address));
        assert_ne!(listener.as_raw_fd(), number);
    }

    #[test]
    fn anything_else_is_refused_and_left_alone() {
        let file = std::fs::File::open("/dev/null").unwrap();
        let path = std::env::temp_dir().join(format!("forge-inherited-{}", std::process::id()));
        let unix = UnixListener::bind(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        for number in [file.as_raw_fd(), unix.as_raw_fd(), udp.as_raw_fd()] {
            assert!(matches!(take_over(number), Err(InheritedError::NotListening)));
        }
        assert!(matches!(take_over(RawFd::MAX), Err(InheritedError::Closed(_))));
    }
}
