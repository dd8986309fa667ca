//! The thread that loads a model and tries it out. It makes way for every other thread of the
//! machine, those that serve the version before above all, and it ends before this worker serves.
//!
//! It is not the thread that serves, because Linux keeps a nice value for each thread: a thread
//! hands its own on to those it starts, and without privileges nobody can lower one again.

use std::{io, panic, thread};

use forge_ipc::give_back_free_pages;
use rustix::process::setpriority_process;

use crate::log::say;

/// The highest there is.
const NICE: i32 = 19;

/// What the first thread of a process usually has; a thread's default is a quarter of it, and nested
/// modules are read by recursion.
const STACK: usize = 8 << 20;

/// Does `work` on such a thread and waits for the end of both.
pub(crate) fn run<T: Send>(work: impl FnOnce() -> T + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let loader = thread::Builder::new().name("loader".to_owned()).stack_size(STACK);
        let loader = loader.spawn_scoped(scope, || {
            make_way();
            let done = work();
            // Trying a model out takes more memory than serving it, and this thread has the time.
            give_back_free_pages();
            done
        })?;
        loader.join().or_else(|panic| panic::resume_unwind(panic))
    })
}

fn make_way() {
    // Of no process: Linux takes that for the calling thread.
    if let Err(error) = setpriority_process(None, NICE) {
        say(format_args!("cannot raise the nice value to {NICE} for loading: {error}"));
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::getpriority_process;

    use super::*;

    fn nice() -> i32 {
        getpriority_process(None).unwrap()
    }

    #[test]
    fn the_work_and_what_it_starts_are_nice_and_whoever_waits_for_it_is_not() {
        let before = nice();
        let inside = || (nice(), thread::scope(|scope| scope.spawn(nice).join().unwrap()));
        assert_eq!(run(inside).unwrap(), (NICE, NICE));
        assert_eq!(nice(), before);
    }

    #[test]
    fn a_panic_of_the_work_is_a_panic_of_who_waits_for_it() {
        let panic = panic::catch_unwind(|| run(|| panic!("broken"))).unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"broken"));
    }
}
