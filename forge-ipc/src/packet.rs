//! Receives one packet of a socket and owns the descriptors that came with it.

use std::io::IoSliceMut;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{MsgFlags, recvmsg};

use crate::bytes::Reader;

/// Bytes of a `cmsghdr`: length, level and type. Its data follows at once, descriptors being no
/// stricter aligned.
const HEADER_BYTES: usize = size_of::<libc::cmsghdr>();

/// Room for as many descriptors as the kernel passes with one packet (`SCM_MAX_FD`, 253), so that
/// none is ever cut off for want of room.
const ANCILLARY_BYTES: usize = HEADER_BYTES + 256 * size_of::<RawFd>();

/// What arrived.
#[derive(Debug)]
pub(crate) struct Packet {
    /// Bytes of the packet; more than the buffer has where it did not fit.
    pub(crate) length: usize,
    /// Close-on-exec.
    pub(crate) fds: Vec<OwnedFd>,
    /// Descriptors were sent that this process could not open, having too many.
    pub(crate) fds_lost: bool,
}

/// Receives the next packet into `bytes`.
pub(crate) fn receive(socket: BorrowedFd<'_>, bytes: &mut [u8]) -> Result<Packet, Errno> {
    let mut ancillary = [0; ANCILLARY_BYTES];
    let mut data = [IoSliceMut::new(bytes)];
    // MSG_TRUNC asks for the packet's own length, even where it does not fit.
    let flags = MsgFlags::MSG_CMSG_CLOEXEC | MsgFlags::MSG_TRUNC;
    let received = recvmsg::<()>(socket.as_raw_fd(), &mut data, Some(&mut ancillary), flags)?;
    let (length, flags) = (received.bytes, received.flags);
    // nix does not show the ancillary data of a packet whose descriptors were not all installed,
    // and so leaks those that were. Hence it is read here.
    let fds = descriptors(&ancillary).unwrap_or_default();
    // SAFETY: `recvmsg` succeeded and has just installed these descriptors for whoever reads its
    // ancillary data, which is this line alone; nothing else owns them.
    let fds = fds.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }).collect();
    Ok(Packet { length, fds, fds_lost: flags.contains(MsgFlags::MSG_CTRUNC) })
}

/// The descriptors of the `SCM_RIGHTS` block; `None` where there is none.
///
/// The kernel makes one block of all descriptors of a packet, and sends no other kind of block to a
/// socket that did not ask for it. Behind what it wrote the bytes are zeros.
fn descriptors(ancillary: &[u8]) -> Option<Vec<RawFd>> {
    let mut reader = Reader::new(ancillary);
    let length = usize::from_ne_bytes(reader.array()?);
    let level = libc::c_int::from_ne_bytes(reader.array()?);
    let kind = libc::c_int::from_ne_bytes(reader.array()?);
    if (level, kind) != (libc::SOL_SOCKET, libc::SCM_RIGHTS) {
        return None;
    }
    let data = reader.bytes(length.checked_sub(HEADER_BYTES)?)?;
    let (fds, _) = data.as_chunks();
    Some(fds.iter().map(|fd| RawFd::from_ne_bytes(*fd)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(length: usize, kind: libc::c_int, data: &[u8]) -> Vec<u8> {
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(libc::SOL_SOCKET.to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(data);
        bytes.resize(ANCILLARY_BYTES, 0);
        bytes
    }

    #[test]
    fn the_descriptors_are_those_the_block_counts() {
        let two = [7i32.to_ne_bytes(), 9i32.to_ne_bytes()].concat();
        for (bytes, fds) in [
            (vec![0; ANCILLARY_BYTES], None),
            (block(16, libc::SCM_RIGHTS, &two), Some(vec![])),
            (block(20, libc::SCM_RIGHTS, &two), Some(vec![7])),
            (block(24, libc::SCM_RIGHTS, &two), Some(vec![7, 9])),
            (block(24, libc::SCM_CREDENTIALS, &two), None),
            (block(15, libc::SCM_RIGHTS, &two), None),
            (block(usize::MAX, libc::SCM_RIGHTS, &two), None),
        ] {
            assert_eq!(descriptors(&bytes), fds);
        }
    }
}
