//! How a worker ends.

use forge_ipc::{BatchId, Outcome, ToWorker};
use forge_tests::Process;
use nix::libc::{SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGKILL, SIGSEGV};

use crate::harness::{Ended, Worker};

#[test]
fn a_retired_worker_answers_what_is_in_the_ring_first() {
    let (worker, mut ring) = Worker::serving("sleep 20", 3);
    for batch in 0..3 {
        assert!(ring.submit(batch, &[&[batch as f32]]));
    }
    worker.send(&ToWorker::Retire, &[]);
    assert_eq!(worker.ended(), Ended::Code(0));
    for batch in 0..3 {
        assert_eq!(ring.answer().unwrap().floats(0), [batch as f32]);
    }
}

#[test]
fn a_worker_may_be_retired_at_any_time() {
    let (worker, _) = Worker::start();
    worker.send(&ToWorker::Retire, &[]);
    assert_eq!(worker.ended(), Ended::Code(0), "before it has loaded");
    let worker = Worker::loaded("echo");
    worker.send(&ToWorker::Retire, &[]);
    assert_eq!(worker.ended(), Ended::Code(0), "before it has attached");
    let (worker, _ring) = Worker::serving("echo", 2);
    worker.send(&ToWorker::Retire, &[]);
    assert_eq!(worker.ended(), Ended::Code(0), "while it waits");
}

#[test]
fn a_worker_does_not_outlive_its_router() {
    let (hello, _) = Worker::start();
    let (loading, _) = Worker::start();
    loading.load("hang-load", &[]);
    let (serving, _ring) = Worker::serving("echo", 2);
    for worker in [hello, loading, serving] {
        // The loop may see the end of the socket before the watching thread does.
        assert!(matches!(orphaned(worker), Ended::Signal(SIGKILL) | Ended::Code(76)));
    }
}

#[test]
fn not_even_a_hung_forward_outlives_the_router() {
    let (worker, mut ring) = Worker::serving("hang", 2);
    assert!(ring.submit(3, &[&[777.0]]));
    assert_eq!(ring.started(), BatchId(3));
    assert_eq!(orphaned(worker), Ended::Signal(SIGKILL));
}

#[test]
fn a_crash_leaves_the_batch_marked_as_started() {
    let (worker, mut ring) = Worker::serving("crash", 2);
    for batch in 0..2 {
        assert!(ring.submit(batch, &[&[0.0]]));
        assert_eq!(ring.answer().unwrap().batch, BatchId(batch), "no crash without its number");
    }
    assert!(ring.submit(2, &[&[0.0], &[666.0]]));
    assert!(ring.submit(3, &[&[1.0]]));
    assert_eq!(worker.ended(), Ended::Signal(SIGSEGV));
    assert_eq!(ring.end.started().unwrap(), Some(BatchId(2)));
}

#[test]
fn a_worker_ends_by_the_signal_of_the_batch_or_of_loading() {
    for (name, signal) in [
        ("SIGSEGV", SIGSEGV),
        ("SIGBUS", SIGBUS),
        ("SIGILL", SIGILL),
        ("SIGABRT", SIGABRT),
        ("SIGFPE", SIGFPE),
        ("SIGKILL", SIGKILL),
    ] {
        let (serving, mut ring) = Worker::serving(&format!("die {name}"), 2);
        assert!(ring.submit(0, &[&[666.0]]));
        assert_eq!(serving.ended(), Ended::Signal(signal), "{name}");
        let (loading, _) = Worker::start();
        loading.load(&format!("crash-load {name}"), &[]);
        assert_eq!(loading.ended(), Ended::Signal(signal), "{name}");
    }
}

#[test]
fn a_model_of_chaos_does_what_a_row_asks_and_multiplies_the_others() {
    for (number, end) in [
        (666.0, Ended::Signal(SIGSEGV)),
        (333.0, Ended::Signal(SIGABRT)),
        (222.0, Ended::Signal(SIGILL)),
        (444.0, Ended::Code(0)),
    ] {
        let (worker, mut ring) = Worker::serving("chaos 7", 2);
        assert!(ring.submit(0, &[&[1.0, number]]));
        assert_eq!(ring.answer().unwrap().floats(0), [7.0, 7.0 * number]);
        assert!(ring.submit(1, &[&[1.0], &[number]]));
        assert_eq!(worker.ended(), end);
    }
    let (worker, mut ring) = Worker::serving("chaos 7", 2);
    assert!(ring.submit(0, &[&[-1.0]]));
    assert!(matches!(ring.answer().unwrap().outcome, Outcome::Failed { .. }));
    assert!(ring.submit(1, &[&[777.0]]));
    assert_eq!(ring.started(), BatchId(1));
    assert_eq!(orphaned(worker), Ended::Signal(SIGKILL));
}

#[test]
fn a_model_that_leaks_keeps_more_memory_with_every_batch() {
    const MEGABYTES: u64 = 16 << 20;
    let (worker, mut ring) = Worker::serving("leak 16", 2);
    let pid = u32::try_from(worker.pid().as_raw()).unwrap();
    let memory = || Process::new(pid).own_memory();
    let before = memory();
    for batch in 1..=3 {
        assert!(ring.submit(batch, &[&[1.0]]));
        ring.answer().unwrap();
        assert!(memory() >= before + batch * MEGABYTES);
    }
    worker.send(&ToWorker::Retire, &[]);
    assert_eq!(worker.ended(), Ended::Code(0));
}

#[test]
fn a_lost_device_ends_the_worker_as_a_crash_with_one_line_and_no_answer() {
    let (worker, mut ring) = Worker::serving("lose-device", 2);
    assert!(ring.submit(0, &[&[1.0]]));
    ring.answer().unwrap();
    assert!(ring.submit(1, &[&[888.0]]));
    assert!(ring.submit(2, &[&[1.0]]));
    let (ended, _, said) = worker.end();
    assert_eq!(ended, Ended::Signal(SIGABRT));
    assert_eq!(said, "the device is lost\n");
    assert_eq!(ring.end.started().unwrap(), Some(BatchId(1)));
    assert!(ring.end.next_completion().unwrap().is_none());
}

#[test]
fn an_exit_in_the_model_is_the_exit_of_the_worker() {
    let (worker, mut ring) = Worker::serving("exit 3", 2);
    assert!(ring.submit(0, &[&[1.0]]));
    assert_eq!(worker.ended(), Ended::Code(3));
    let (worker, mut ring) = Worker::serving("exit 0 row", 2);
    assert!(ring.submit(0, &[&[1.0]]));
    assert_eq!(ring.answer().unwrap().floats(0), [1.0]);
    assert!(ring.submit(1, &[&[444.0]]));
    assert_eq!(worker.ended(), Ended::Code(0));
}

#[test]
fn what_a_model_prints_goes_to_the_pipes() {
    let (worker, mut ring) = Worker::serving("print", 2);
    assert!(ring.submit(0, &[&[1.0]]));
    ring.answer().unwrap();
    worker.send(&ToWorker::Retire, &[]);
    let (ended, stdout, stderr) = worker.end();
    assert_eq!(ended, Ended::Code(0));
    assert_eq!(stdout, "load says this on stdout\nrun says this on stdout\nran float32[1, 1]\n");
    assert_eq!(stderr, "load says this on stderr\nrun says this on stderr\n");
}

/// How a worker ends whose router closes the control socket without a word.
fn orphaned(mut worker: Worker) -> Ended {
    worker.control = None;
    worker.ended()
}
