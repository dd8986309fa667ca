//! Who is at the other end of a connection, as the kernel tells.

use tokio::net::UnixStream;

use super::code::Code;
use super::wire::Failure;
use crate::operator::Asker;

const ROOT: u32 = 0;

/// The process that asks, where its user may: the server's own, or root.
///
/// The file's mode keeps others out already; this also holds where somebody has widened it.
pub fn asker(stream: &UnixStream) -> Result<Asker, Failure> {
    let unknown = |error| Code::NotPermitted.failure(format!("who asks is not known: {error}"));
    let peer = stream.peer_cred().map_err(unknown)?;
    let (uid, own) = (peer.uid(), nix::unistd::geteuid().as_raw());
    if !may_ask(uid, own) {
        let message = format!("user {uid} may not ask a server of user {own}");
        return Err(Code::NotPermitted.failure(message));
    }
    // The kernel tells no process where it lies in a namespace that is not visible from here.
    Ok(Asker::Socket { uid, pid: peer.pid().unwrap_or(0) })
}

fn may_ask(uid: u32, own: u32) -> bool {
    uid == ROOT || uid == own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_servers_own_user_and_root_may_ask() {
        for (uid, own, allowed) in
            [(0, 0, true), (0, 7, true), (7, 7, true), (7, 0, false), (8, 7, false)]
        {
            assert_eq!(may_ask(uid, own), allowed, "{uid} {own}");
        }
    }
}
