//! Descriptors that this process was born with, which are known by their number alone.

use std::io::IoSlice;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, UnixAddr, sendmsg, socketpair,
};

use crate::packet;

/// A copy, close-on-exec, of whatever the number stands for in this process.
///
/// The number is sent through a socket to this very process: the kernel looks up what it stands for,
/// and what arrives has an owner. So nothing has to be believed about the number.
pub fn duplicate(number: RawFd) -> Result<OwnedFd, Errno> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let (here, there) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)?;
    let rights = [number];
    let ancillary = [ControlMessage::ScmRights(&rights)];
    let data = [IoSlice::new(&[0])];
    sendmsg::<UnixAddr>(here.as_raw_fd(), &data, &ancillary, MsgFlags::MSG_NOSIGNAL, None)?;
    let mut fds = packet::receive(there.as_fd(), &mut [0])?.fds;
    // Where none came, this process has too many open files for it.
    fds.pop().ok_or(Errno::EMFILE)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use nix::fcntl::{FcntlArg, fcntl};

    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "miri has no socketpair of packets")]
    fn the_copy_is_of_what_the_number_stands_for_and_outlives_it() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let copy = duplicate(writer.as_raw_fd()).unwrap();
        assert_eq!(fcntl(&copy, FcntlArg::F_GETFD).unwrap(), nix::libc::FD_CLOEXEC);
        drop(writer);
        std::fs::File::from(copy).write_all(b"still open").unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "still open");
    }

    #[test]
    #[cfg_attr(miri, ignore = "miri has no socketpair of packets")]
    fn a_number_that_stands_for_nothing_is_refused() {
        for number in [RawFd::MAX, -1] {
            assert_eq!(duplicate(number).unwrap_err(), Errno::EBADF);
        }
    }
}
