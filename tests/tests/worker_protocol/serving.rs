//! Batches through the rings.

use forge_ipc::{BatchId, ComputeNanos, FailureKind, Outcome, Structure};
use nix::sys::signal::{Signal, kill};

use crate::harness::Worker;
use crate::ring::floats;

#[test]
fn a_batch_comes_back_as_the_model_made_it() {
    let (_worker, mut ring) = Worker::serving("double", 2);
    assert!(ring.submit(7, &[&[1.0, 2.0], &[3.0, 4.0], &[5.0, 6.0]]));
    let answer = ring.answer().unwrap();
    assert_eq!((answer.batch, answer.rows), (BatchId(7), 3));
    assert_eq!(answer.floats(0), [2.0, 4.0, 6.0, 8.0, 10.0, 12.0]);
}

#[test]
fn several_inputs_come_back_as_a_tuple() {
    let (_worker, mut ring) = Worker::serving("echo\nargs a b", 2);
    assert!(ring.submit_inputs(1, &[&[&[1.0], &[2.0]], &[&[3.0, 4.0], &[5.0, 6.0]]]));
    let answer = ring.answer().unwrap();
    assert_eq!(answer.floats(0), [1.0, 2.0]);
    assert_eq!(answer.floats(1), [3.0, 4.0, 5.0, 6.0]);
    let Outcome::Done { outputs, structure } = answer.outcome else { panic!("{answer:?}") };
    assert_eq!(outputs, [floats(&[2, 1]), floats(&[2, 2])]);
    assert_eq!(structure, Structure::Tuple(vec![Structure::Tensor, Structure::Tensor]));
}

#[test]
fn batches_published_together_are_answered_in_their_order() {
    for frames in 2..=4 {
        let (_worker, mut ring) = Worker::serving("echo", frames);
        let (mut submitted, mut answered) = (0, 0);
        while answered < 200 {
            while ring.submit(submitted, &[&[submitted as f32]]) {
                submitted += 1;
            }
            assert_eq!(submitted - answered, u64::from(frames), "frames in flight");
            let answer = ring.answer().unwrap();
            assert_eq!(answer.batch, BatchId(answered));
            assert_eq!(answer.floats(0), [answered as f32]);
            answered += 1;
        }
    }
}

#[test]
fn a_failed_batch_says_why_and_the_next_one_runs() {
    for (script, row, kind, words) in [
        ("throw", -1.0, FailureKind::Threw, "a negative row"),
        ("oom 1", 1.0, FailureKind::OutOfMemory, "no memory for 2 rows"),
        ("shape", 1.0, FailureKind::OutputShape, "output 0 has shape [2], expected rows first"),
        ("big 1000000", 1.0, FailureKind::OutputTooLarge, "2000000"),
    ] {
        let (_worker, mut ring) = Worker::serving(script, 2);
        for batch in 0..5 {
            assert!(ring.submit(batch, &[&[0.0], &[row]]));
            let answer = ring.answer().unwrap();
            assert_eq!((answer.batch, answer.rows), (BatchId(batch), 2));
            let Outcome::Failed { kind: told, message } = answer.outcome else {
                panic!("{script}")
            };
            assert_eq!(told, kind, "{script}");
            assert!(message.contains(words), "{script}: {message}");
        }
    }
}

#[test]
fn a_row_that_is_thrown_at_does_not_spoil_the_next_batch() {
    let (_worker, mut ring) = Worker::serving("throw", 2);
    for (batch, row, throws) in [(0, -1.0, true), (1, 1.0, false), (2, -2.0, true), (3, 2.0, false)]
    {
        assert!(ring.submit(batch, &[&[row]]));
        let answer = ring.answer().unwrap();
        assert_eq!(matches!(answer.outcome, Outcome::Failed { .. }), throws, "batch {batch}");
    }
}

#[test]
fn the_time_told_is_that_of_the_model() {
    let (_worker, mut ring) = Worker::serving("sleep 30", 2);
    assert!(ring.submit(0, &[&[1.0]]));
    assert!(ring.answer().unwrap().compute.infer >= millis(30));
}

#[test]
fn what_the_inputs_the_model_and_the_outputs_take_is_told_apart() {
    let (_worker, mut ring) = Worker::serving("phases 20 40 60", 2);
    assert!(ring.submit(0, &[&[1.0]]));
    // The first row of such a batch runs alone before, to see whether outputs are by rows.
    assert!(ring.submit(1, &[&[1.0, 2.0], &[3.0, 4.0]]));
    for runs in [1, 2] {
        let ComputeNanos { input, infer, output } = ring.answer().unwrap().compute;
        for (told, least) in [(input, 20), (infer, 40), (output, 60)] {
            assert!(told >= runs * millis(least), "{told} ns of {runs} times {least} ms");
        }
    }
}

#[test]
fn a_batch_that_fails_tells_what_it_took_until_then() {
    let (_worker, mut ring) = Worker::serving("throw", 2);
    assert!(ring.submit(0, &[&[-1.0]]));
    let answer = ring.answer().unwrap();
    assert!(matches!(answer.outcome, Outcome::Failed { .. }));
    assert!(answer.compute.infer > 0 && answer.compute.output == 0, "{:?}", answer.compute);
}

/// In nanoseconds.
fn millis(millis: u64) -> u64 {
    millis * 1_000_000
}

#[test]
fn signals_meant_for_the_service_leave_the_worker_serving() {
    let (worker, mut ring) = Worker::serving("echo", 2);
    for (batch, signal) in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].into_iter().enumerate()
    {
        kill(worker.pid(), signal).unwrap();
        assert!(ring.submit(batch as u64, &[&[1.0]]));
        assert_eq!(ring.answer().unwrap().floats(0), [1.0], "{signal}");
    }
}

#[test]
fn a_worker_that_sleeps_between_batches_misses_no_wake() {
    let (_worker, mut ring) = Worker::serving("echo", 2);
    for batch in 0..1000 {
        assert!(ring.submit(batch, &[&[batch as f32]]));
        assert_eq!(ring.answer().unwrap().floats(0), [batch as f32]);
    }
    assert_eq!(ring.end.missed_wakes(), 0);
}

#[test]
fn a_worker_that_lies_is_found_out() {
    for how in ["indices", "descriptor", "random"] {
        let (_worker, mut ring) = Worker::serving(&format!("lie {how}"), 2);
        assert!(ring.submit(0, &[&[1.0]]));
        assert_eq!(ring.answer().unwrap().floats(0), [1.0], "honest at first");
        assert!(ring.submit(1, &[&[555.0]]));
        let told = ring.answer();
        // An index may be read before it is overwritten, but not for long.
        let told = if how == "indices" { told.and_then(|_| ring.answer()) } else { told };
        assert!(told.is_err(), "lie {how}: {told:?}");
    }
}
