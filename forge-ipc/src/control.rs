//! The socket beside the rings: one message per packet, descriptors beside it.
//!
//! A `SOCK_SEQPACKET` pair keeps the borders of messages, ends in a plain end-of-file when either
//! process dies, and passes descriptors. The worker's end is its standard input, so it is found
//! without a number in the arguments and without a name anywhere.

use std::io::IoSlice;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, UnixAddr, getsockopt, sendmsg,
    socketpair, sockopt,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::packet::{self, Packet};

/// Most bytes of one message.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// Most descriptors any message carries: the four of [`PeerFds`](crate::PeerFds).
const MAX_FDS: usize = 4;

/// A message was not sent or not received.
#[derive(Debug, Error)]
pub enum ControlError {
    /// End of file: the peer is gone, or has closed its end.
    #[error("the control socket is closed")]
    Closed,
    /// A nonblocking socket has nothing to read, or no room to write.
    #[error("the control socket is not ready")]
    WouldBlock,
    #[error("a control message of {0} bytes is too large, at most {MAX_MESSAGE} are allowed")]
    TooLarge(usize),
    /// The peer wrote bytes that are no message of this kind.
    #[error("the peer sent a malformed control message: {0}")]
    Malformed(#[source] postcard::Error),
    #[error("the peer sent a control message with {0} bytes behind its end")]
    TrailingBytes(usize),
    #[error("{0} descriptors with one control message, at most {MAX_FDS} are allowed")]
    TooManyFds(usize),
    /// This process has too many open files to receive them.
    #[error("descriptors of a control message could not be received, too many files are open")]
    FdsLost,
    #[error("the control socket failed: {0}")]
    Socket(#[source] Errno),
}

/// A message and the descriptors that came with it.
#[derive(Debug)]
pub struct Received<M> {
    pub message: M,
    pub fds: Vec<OwnedFd>,
}

/// One end of the socket between a router and a worker.
#[derive(Debug)]
pub struct ControlSocket(OwnedFd);

impl ControlSocket {
    /// The router's end, nonblocking, and the worker's, blocking, to become its standard input.
    /// Both are close-on-exec.
    pub fn pair() -> Result<(Self, OwnedFd), ControlError> {
        let (ours, theirs) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
                .map_err(ControlError::Socket)?;
        fcntl(&ours, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(ControlError::Socket)?;
        Ok((Self(ours), theirs))
    }

    /// Takes an end over as it is.
    pub fn from_fd(fd: OwnedFd) -> Self {
        Self(fd)
    }

    /// Whether a descriptor can be an end: a socket that keeps the borders of messages. A process
    /// started by hand has a terminal, a pipe or a file there.
    pub fn is_control_socket(fd: BorrowedFd<'_>) -> bool {
        getsockopt(&fd, sockopt::SockType) == Ok(SockType::SeqPacket)
    }

    /// Sends one message and copies of `fds` with it.
    pub fn send<M: Serialize>(
        &self,
        message: &M,
        fds: &[BorrowedFd<'_>],
    ) -> Result<(), ControlError> {
        let bytes = postcard::to_stdvec(message).map_err(ControlError::Malformed)?;
        if bytes.len() > MAX_MESSAGE {
            return Err(ControlError::TooLarge(bytes.len()));
        }
        if fds.len() > MAX_FDS {
            return Err(ControlError::TooManyFds(fds.len()));
        }
        let fds: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
        let rights = [ControlMessage::ScmRights(&fds)];
        let ancillary = if fds.is_empty() { &[][..] } else { &rights[..] };
        let data = [IoSlice::new(&bytes)];
        // A packet goes whole or not at all.
        retry(|| {
            sendmsg::<UnixAddr>(self.as_raw_fd(), &data, ancillary, MsgFlags::MSG_NOSIGNAL, None)
        })?;
        Ok(())
    }

    /// Receives one message. Descriptors are close-on-exec; those of a refused message are closed.
    pub fn receive<M: DeserializeOwned>(&self) -> Result<Received<M>, ControlError> {
        let mut bytes = vec![0; MAX_MESSAGE];
        let (length, fds) = self.receive_packet(&mut bytes)?;
        let (message, rest) =
            postcard::take_from_bytes(&bytes[..length]).map_err(ControlError::Malformed)?;
        if !rest.is_empty() {
            return Err(ControlError::TrailingBytes(rest.len()));
        }
        Ok(Received { message, fds })
    }

    fn receive_packet(&self, bytes: &mut [u8]) -> Result<(usize, Vec<OwnedFd>), ControlError> {
        let Packet { length, fds, fds_lost } = retry(|| packet::receive(self.as_fd(), bytes))?;
        match length {
            _ if fds_lost => Err(ControlError::FdsLost),
            _ if fds.len() > MAX_FDS => Err(ControlError::TooManyFds(fds.len())),
            // No message encodes to nothing, so an empty packet is as good as an end.
            0 => Err(ControlError::Closed),
            _ if length > bytes.len() => Err(ControlError::TooLarge(length)),
            _ => Ok((length, fds)),
        }
    }
}

impl AsFd for ControlSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for ControlSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// Calls until no signal interrupts it, and names what went wrong.
fn retry<T>(mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, ControlError> {
    loop {
        return match call() {
            Ok(value) => Ok(value),
            Err(Errno::EINTR) => continue,
            Err(Errno::EAGAIN) => Err(ControlError::WouldBlock),
            Err(Errno::EPIPE | Errno::ECONNRESET) => Err(ControlError::Closed),
            Err(error) => Err(ControlError::Socket(error)),
        };
    }
}

#[cfg(test)]
mod tests {
    use nix::sys::socket::send;

    use super::*;
    use crate::{FromWorker, Geometry, Stage, ToWorker};

    fn pair() -> (ControlSocket, ControlSocket) {
        let (router, worker) = ControlSocket::pair().unwrap();
        (router, ControlSocket::from_fd(worker))
    }

    fn failed(bytes: usize) -> FromWorker {
        FromWorker::Failed { stage: Stage::Load, message: "x".repeat(bytes) }
    }

    #[test]
    #[cfg_attr(miri, ignore = "miri has no socketpair of packets")]
    fn messages_keep_their_order_and_borders() {
        let (router, worker) = pair();
        let attach = ToWorker::Attach(Geometry::new(2, 100, 100).unwrap());
        router.send(&attach, &[]).unwrap();
        router.send(&ToWorker::Retire, &[]).unwrap();
        assert_eq!(worker.receive::<ToWorker>().unwrap().message, attach);
        assert_eq!(worker.receive::<ToWorker>().unwrap().message, ToWorker::Retire);
        assert!(matches!(router.receive::<FromWorker>(), Err(ControlError::WouldBlock)));
        worker.send(&FromWorker::Attached, &[]).unwrap();
        assert_eq!(router.receive::<FromWorker>().unwrap().message, FromWorker::Attached);
    }

    #[test]
    #[cfg_attr(miri, ignore = "miri has no socketpair of packets")]
    fn a_gone_peer_is_closed_for_both_directions() {
        let (router, worker) = pair();
        drop(worker);
        assert!(matches!(router.receive::<FromWorker>(), Err(ControlError::Closed)));
        assert!(matches!(router.send(&ToWorker::Retire, &[]), Err(ControlError::Closed)));
    }

    #[test]
    #[cfg_attr(miri, ignore = "miri has no socketpair of packets")]
    fn both_ends_are_packet_sockets_closed_on_exec() {
        let (router, worker) = pair();
        for end in [&router, &worker] {
            assert!(ControlSocket::is_control_socket(end.as_fd()));
            assert_eq!(fcntl(end, FcntlArg::F_GETFD).unwrap(), nix::libc::FD_CLOEXEC);
        }
        let pipe = std::io::pipe().unwrap().0;
        assert!(!ControlSocket::is_control_socket(pipe.as_fd()));
    }

    #[test]
    #[cfg_attr(miri, ignore = "miri has no socketpair of packets")]
    fn a_message_is_bounded_where_it_is_sent_and_where_it_is_received() {
        let (router, worker) = pair();
        worker.send(&failed(MAX_MESSAGE - 8), &[]).unwrap();
        assert_eq!(router.receive::<FromWorker>().unwrap().message, failed(MAX_MESSAGE - 8));
        let error = worker.send(&failed(MAX_MESSAGE), &[]);
        assert!(matches!(error, Err(ControlError::TooLarge(_))));
        let large = vec![0; MAX_MESSAGE + 5];
        send(worker.as_raw_fd(), &large, MsgFlags::empty()).unwrap();
        let error = router.receive::<FromWorker>();
        assert!(matches!(error, Err(ControlError::TooLarge(bytes)) if bytes == large.len()));
    }

    #[test]
    #[cfg_attr(miri, ignore = "miri has no socketpair of packets")]
    fn bytes_that_are_no_message_are_refused() {
        let (router, worker) = pair();
        for bytes in [&[99][..], &[9, 0, 200], &[0xFF; 300], &[0, 1, 255, 255, 255, 255, 255]] {
            send(worker.as_raw_fd(), bytes, MsgFlags::empty()).unwrap();
            let error = router.receive::<FromWorker>();
            assert!(matches!(error, Err(ControlError::Malformed(_))), "{bytes:?}: {error:?}");
        }
        // `Attached`, and two bytes more.
        send(worker.as_raw_fd(), &[4, 0, 0], MsgFlags::empty()).unwrap();
        assert!(matches!(router.receive::<FromWorker>(), Err(ControlError::TrailingBytes(2))));
    }

    #[test]
    #[cfg_attr(miri, ignore = "miri has no socketpair of packets")]
    fn descriptors_arrive_closed_on_exec_and_refused_ones_are_closed() {
        let (router, worker) = pair();
        let (reader, writer) = std::io::pipe().unwrap();
        router.send(&ToWorker::Retire, &[writer.as_fd(); MAX_FDS]).unwrap();
        let received = worker.receive::<ToWorker>().unwrap();
        assert_eq!(received.fds.len(), MAX_FDS);
        for fd in &received.fds {
            assert_eq!(fcntl(fd, FcntlArg::F_GETFD).unwrap(), nix::libc::FD_CLOEXEC);
        }
        drop(received);
        let error = router.send(&ToWorker::Retire, &[writer.as_fd(); MAX_FDS + 1]);
        assert!(matches!(error, Err(ControlError::TooManyFds(_))));

        let raw = [writer.as_raw_fd(); 200];
        let rights = [ControlMessage::ScmRights(&raw)];
        let data = [IoSlice::new(&[3])];
        let flags = MsgFlags::empty();
        sendmsg::<UnixAddr>(worker.as_raw_fd(), &data, &rights, flags, None).unwrap();
        assert!(matches!(router.receive::<FromWorker>(), Err(ControlError::TooManyFds(200))));
        // Every copy of the writing end is closed, so the pipe has ended.
        drop(writer);
        assert_eq!(std::io::read_to_string(reader).unwrap(), "");
    }
}
