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

#[test]
fn the_kernel_ends_a_worker_before_its_router() {
    let (worker, _) = Worker::start();
    let path = format!("/proc/{}/oom_score_adj", worker.pid());
    assert_eq!(std::fs::read_to_string(path).unwrap(), "500\n");
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
