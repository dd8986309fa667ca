//! Hello, load, probe, attach.

use std::process::{Command, Stdio};

use forge_ipc::{
    ArgumentKind, Dtype, FromWorker, Geometry, PROTOCOL, RouterEnd, Shape, Stage, TensorMeta,
    ToWorker,
};

use crate::harness::{Ended, WORKER, Worker};
use crate::ring::floats;

#[test]
fn a_person_who_runs_it_is_told_what_to_run() {
    let output = Command::new(WORKER).stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said, "forge-worker is started by forge; use `forge serve`\n");
}

#[test]
fn it_says_what_its_engine_is_without_a_router() {
    let output = Command::new(WORKER).arg("--about").stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success());
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said, "test engine\nCPU capability none\n");
}

#[test]
fn the_first_message_says_protocol_and_engine() {
    let (_worker, hello) = Worker::start();
    let FromWorker::Hello { protocol, engine, capability } = hello else { panic!("{hello:?}") };
    assert_eq!((protocol, &*engine, &*capability), (PROTOCOL, "test engine", "none"));
}

#[test]
fn a_loaded_model_tells_its_arguments() {
    let (worker, _) = Worker::start();
    worker.load("echo\nargs left right", &[]);
    let loaded = worker.receive();
    let FromWorker::Loaded(signature) = loaded else { panic!("{loaded:?}") };
    let names: Vec<_> = signature.arguments.iter().map(|argument| &*argument.name).collect();
    assert_eq!(names, ["left", "right"]);
    assert!(signature.arguments.iter().all(|argument| argument.kind == ArgumentKind::Tensor));
}

#[test]
fn a_model_that_cannot_be_loaded_ends_the_worker_with_its_words() {
    for (script, cpus, words) in [
        ("fail-load no such operator", &[][..], "no such operator"),
        ("nonsense", &[], "not a behaviour of the test engine: \"nonsense\""),
        ("echo", &[1 << 20], "cannot run on cpus [1048576]"),
    ] {
        let (worker, _) = Worker::start();
        worker.load(script, cpus);
        failed(worker, Stage::Load, words);
    }
}

#[test]
fn a_rehearsal_runs_a_batch_until_its_times_are_steady() {
    let worker = Worker::loaded("print");
    let rehearsed = worker.rehearse(&[floats(&[2, 3])]);
    assert!(matches!(rehearsed, FromWorker::Rehearsed { .. }), "{rehearsed:?}");
    worker.send(&ToWorker::Retire, &[]);
    let (ended, printed, _) = worker.end();
    assert_eq!(ended, Ended::Code(0));
    let runs = printed.matches("run says this").count();
    assert!((2..=10).contains(&runs), "{printed}");
}

#[test]
fn a_model_that_throws_in_a_rehearsal_may_still_be_one_for_other_inputs() {
    let worker = Worker::loaded("throw always");
    let rehearsed = worker.rehearse(&[floats(&[2, 3])]);
    assert!(matches!(rehearsed, FromWorker::Rehearsed { .. }), "{rehearsed:?}");
}

#[test]
fn a_device_that_is_lost_in_a_rehearsal_ends_the_worker_with_its_words() {
    let worker = Worker::loaded("lose-device always");
    let rehearsed = worker.rehearse(&[floats(&[2, 3])]);
    assert_failed(&rehearsed, Stage::Rehearse, "the device is lost");
    assert_eq!(worker.ended(), Ended::Code(1));
}

#[test]
fn a_probe_tells_the_outputs_and_the_bytes_they_take() {
    let worker = Worker::loaded("echo\nargs a b");
    for rows in [1, 32] {
        let metas = [floats(&[rows, 3]), floats(&[rows, 16])];
        let probed = worker.probe(&metas);
        let FromWorker::Probed { outputs, bytes } = probed else { panic!("{probed:?}") };
        assert_eq!(outputs, metas);
        let tensors = (rows * 12).next_multiple_of(64) + rows * 64;
        assert_eq!(bytes, tensors);
    }
}

#[test]
fn a_probe_that_fails_ends_the_worker_with_its_words() {
    for (script, words) in [
        ("shape", "output 0 has shape [2], expected rows first"),
        ("throw always", "a negative row"),
        ("oom 1", "no memory for 2 rows"),
    ] {
        let worker = Worker::loaded(script);
        let probed = worker.probe(&[floats(&[2, 4])]);
        assert_failed(&probed, Stage::Probe, words);
        assert_eq!(worker.ended(), Ended::Code(1), "{script}");
    }
}

#[test]
fn a_probe_larger_than_memory_is_refused_and_not_tried() {
    let worker = Worker::loaded("echo");
    let shape = Shape::new(&[1, u64::MAX / 16]).unwrap();
    let probed = worker.probe(&[TensorMeta { dtype: Dtype::Float64, shape }]);
    assert_failed(&probed, Stage::Probe, "no memory for an input of float64");
    assert_eq!(worker.ended(), Ended::Code(1));
}

#[test]
fn regions_that_do_not_fit_the_geometry_are_refused() {
    let worker = Worker::loaded("echo");
    let (_ring, fds) = RouterEnd::create(Geometry::new(2, 4096, 4096).unwrap()).unwrap();
    let larger = Geometry::new(4, 4096, 4096).unwrap();
    worker.send(&ToWorker::Attach(larger), &fds.borrow());
    failed(worker, Stage::Attach, "bytes of memory");
}

#[test]
fn a_message_without_its_descriptors_is_refused() {
    let worker = Worker::loaded("echo");
    worker.send(&ToWorker::Attach(Geometry::new(2, 4096, 4096).unwrap()), &[]);
    failed(worker, Stage::Attach, "0 descriptors instead of 4");
}

#[test]
fn a_message_out_of_turn_ends_the_worker() {
    let (worker, _) = Worker::start();
    worker.send(&ToWorker::Attach(Geometry::new(2, 4096, 4096).unwrap()), &[]);
    let (ended, _, said) = worker.end();
    assert_eq!(ended, Ended::Code(76));
    assert_eq!(said, "control socket: a message out of turn\n");
}

/// The worker says so and ends.
fn failed(worker: Worker, stage: Stage, words: &str) {
    assert_failed(&worker.receive(), stage, words);
    assert_eq!(worker.ended(), Ended::Code(1));
}

fn assert_failed(message: &FromWorker, expected: Stage, words: &str) {
    let FromWorker::Failed { stage, message } = message else { panic!("{message:?}") };
    assert_eq!(*stage, expected);
    assert!(message.contains(words), "{message}");
}
