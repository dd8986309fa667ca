//! What a pair of ends takes from the process, and gives back. One test, alone in its process: it
//! counts.
#![cfg(not(miri))]
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails its test")]

use std::fs::read_to_string;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use forge_ipc::{ControlSocket, Geometry, PeerFds, RouterEnd, ToWorker, WorkerEnd};
use nix::fcntl::{FcntlArg, fcntl};

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn maps() -> Vec<String> {
    let maps = read_to_string("/proc/self/maps").unwrap();
    let ours = maps.lines().filter(|line| line.contains("memfd:forge-"));
    ours.map(|line| line.split_whitespace().nth(1).unwrap().to_owned()).collect()
}

fn is_closed_on_exec(fd: BorrowedFd<'_>) -> bool {
    fcntl(fd, FcntlArg::F_GETFD) == Ok(nix::libc::FD_CLOEXEC)
}

#[test]
fn everything_is_closed_on_exec_and_given_back() {
    let geometry = Geometry::new(2, 100_000, 100_000).unwrap();
    let before = open_files();
    for _ in 0..20 {
        let (router, fds) = RouterEnd::create(geometry).unwrap();
        let mut maps_of_router = maps();
        maps_of_router.sort();
        assert_eq!(maps_of_router, ["r--s", "rw-s"], "one region each way, one writer each");
        assert!(fds.borrow().into_iter().all(is_closed_on_exec));
        assert!(is_closed_on_exec(router.doorbell()));

        let (ours, theirs) = ControlSocket::pair().unwrap();
        let theirs = ControlSocket::from_fd(theirs);
        ours.send(&ToWorker::Attach(geometry), &fds.borrow()).unwrap();
        let fds = PeerFds::from_received(theirs.receive::<ToWorker>().unwrap().fds).unwrap();
        assert!(fds.borrow().into_iter().all(is_closed_on_exec));

        // The mappings outlive the descriptors they were made from: a worker keeps its two bells
        // alone.
        let bells = [fds.to_worker.as_raw_fd(), fds.to_router.as_raw_fd()];
        let worker = WorkerEnd::attach(geometry, fds).unwrap();
        assert_eq!(worker.doorbell().as_fd().as_raw_fd(), bells[0]);
        assert_eq!(maps().len(), 4);
        drop((router, worker));
        assert_eq!(maps(), [""; 0]);
    }
    assert_eq!(open_files(), before);
}
