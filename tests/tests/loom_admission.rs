//! Model-checks the admission word: every interleaving, with the very file the router runs.

mod sync {
    pub(crate) use loom::model;
    pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
}

#[path = "../../forge-router/src/admission.rs"]
#[allow(dead_code, clippy::redundant_pub_crate)]
mod admission;

use admission::{Admission, Refusal};
use loom::sync::Arc;
use loom::thread;

#[test]
fn two_requests_never_share_the_last_place() {
    loom::model(|| {
        let door = Arc::new(Admission::new());
        let other = Arc::clone(&door);
        let rival = thread::spawn(move || other.enter(1));
        let mine = door.enter(1);
        let theirs = rival.join().unwrap();
        assert_ne!(mine.is_ok(), theirs.is_ok());
        assert_eq!(door.waiting(), 1);
    });
}

#[test]
fn nobody_is_admitted_once_draining_was_seen() {
    loom::model(|| {
        let door = Arc::new(Admission::new());
        let other = Arc::clone(&door);
        let client = thread::spawn(move || {
            let first = other.enter(8);
            (first, other.enter(8))
        });
        let waiting_at_drain = door.drain();
        let (first, second) = client.join().unwrap();
        if first == Err(Refusal::Draining) {
            assert_eq!(second, Err(Refusal::Draining));
        }
        let admitted = u64::from(first.is_ok()) + u64::from(second.is_ok());
        // Whoever was admitted was admitted before the flag, and the drain counted it.
        assert_eq!(waiting_at_drain, admitted);
    });
}

#[test]
fn a_drained_door_stays_empty() {
    loom::model(|| {
        let door = Arc::new(Admission::new());
        assert_eq!(door.enter(8), Ok(()));
        let other = Arc::clone(&door);
        let leaver = thread::spawn(move || other.leave());
        door.drain();
        let refused = door.enter(8);
        leaver.join().unwrap();
        assert_eq!(refused, Err(Refusal::Draining));
        assert_eq!(door.waiting(), 0);
    });
}
