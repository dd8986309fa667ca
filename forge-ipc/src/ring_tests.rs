//! Both ends in one process over regions on the heap, so that miri can follow every pointer.
//!
//! The same over real memory files, as two processes would have it, is in `tests/`.

use proptest::prelude::*;

use crate::bell::Bell;
use crate::descriptor::Header;
use crate::layout::{Frames, RequestWords, ResponseWords};
use crate::region::{Region, WritableRegion, heap};
use crate::{
    BatchId, ComputeNanos, Dtype, FailureKind, Geometry, MAX_TEXT, Outcome, OutputSink,
    PeerViolation, RouterEnd, Shape, Structure, TensorMeta, WorkerEnd, cursor,
};

const FIRST: u32 = u32::MAX - 2;

fn geometry(frames: u32) -> Geometry {
    Geometry::new(frames, 256, 512).unwrap()
}

fn bells() -> ((Bell, Bell), (Bell, Bell)) {
    let share = |bell: &Bell| Bell::from_fd(bell.share().unwrap());
    let (to_worker, to_router) = (Bell::new().unwrap(), Bell::new().unwrap());
    let theirs = (share(&to_worker), share(&to_router));
    ((to_worker, to_router), theirs)
}

/// Two ends whose counters stand just before the wrap.
fn ends(frames: u32) -> (RouterEnd, WorkerEnd) {
    let geometry = geometry(frames);
    let (request_writer, request_reader) = heap::shared(geometry.request_region_bytes());
    let (response_writer, response_reader) = heap::shared(geometry.response_region_bytes());
    let (ours, theirs) = bells();
    let router = RouterEnd::over(geometry, (request_writer, response_reader), ours, FIRST);
    let worker = WorkerEnd::over(geometry, (request_reader, response_writer), theirs, FIRST);
    (router, worker)
}

fn bytes(count: u64) -> TensorMeta {
    TensorMeta { dtype: Dtype::Uint8, shape: Shape::new(&[count]).unwrap() }
}

fn publish(router: &mut RouterEnd, batch: u64, content: &[u8]) {
    let mut frame = router.begin(BatchId(batch), 1).unwrap();
    let slot = frame.tensor(bytes(content.len() as u64)).unwrap();
    frame.write(slot, 0, content).unwrap();
    frame.publish();
}

/// Answers the oldest request with its first input reversed; returns its batch.
fn answer(worker: &mut WorkerEnd) -> Option<u64> {
    let mut request = worker.next_request().unwrap()?;
    let batch = request.batch().0;
    let (view, mut frame) = request.start();
    let into = frame.tensor(view.inputs[0].meta).unwrap();
    into.copy_from_slice(view.inputs[0].bytes);
    into.reverse();
    request.finish(took(batch));
    Some(batch)
}

/// Times that tell batches apart.
fn took(batch: u64) -> ComputeNanos {
    ComputeNanos { input: batch, infer: batch * 10, output: u64::MAX - batch }
}

/// Takes the oldest completion; returns its batch and the bytes of its first output.
fn take(router: &mut RouterEnd) -> Option<(u64, Vec<u8>)> {
    let completion = router.next_completion().unwrap()?;
    let Outcome::Done { outputs, .. } = completion.outcome() else { panic!("{completion:?}") };
    let mut content = Vec::new();
    completion.copy(0, 0, &mut content, outputs[0].bytes().unwrap()).unwrap();
    let batch = completion.batch().0;
    assert_eq!(completion.compute(), took(batch));
    completion.release();
    Some((batch, content))
}

#[test]
fn batches_go_round_in_order_across_the_wrap_of_the_indices() {
    for frames in 2..=4 {
        let (mut router, mut worker) = ends(frames);
        for batch in 0..10 {
            assert_eq!(take(&mut router), None);
            publish(&mut router, batch, &[batch as u8, 1, 2]);
            assert_eq!(answer(&mut worker), Some(batch));
            assert_eq!(answer(&mut worker), None);
            assert_eq!(take(&mut router), Some((batch, vec![2, 1, batch as u8])));
        }
    }
}

#[test]
fn a_full_ring_takes_no_batch_until_a_completion_is_released() {
    for frames in 2..=4 {
        let (mut router, mut worker) = ends(frames);
        for batch in 0..u64::from(frames) {
            publish(&mut router, batch, &[batch as u8]);
        }
        assert_eq!(router.free_frames(), 0);
        assert!(router.begin(BatchId(9), 1).is_none());
        assert_eq!(answer(&mut worker), Some(0));
        assert!(router.begin(BatchId(9), 1).is_none(), "completed is not released");
        assert_eq!(take(&mut router), Some((0, vec![0])));
        publish(&mut router, 9, &[9]);
        let rest: Vec<_> = std::iter::from_fn(|| answer(&mut worker)).collect();
        assert_eq!(rest, (1..u64::from(frames)).chain([9]).collect::<Vec<_>>());
    }
}

#[test]
fn what_is_dropped_halfway_comes_again_or_was_never_begun() {
    let (mut router, mut worker) = ends(2);
    let _ = router.begin(BatchId(1), 1);
    assert!(worker.next_request().unwrap().is_none(), "a frame never published");
    publish(&mut router, 2, b"ab");
    drop(worker.next_request().unwrap().unwrap());
    worker.next_request().unwrap().unwrap().start();
    assert_eq!(answer(&mut worker), Some(2), "a request never answered");
    drop(router.next_completion().unwrap().unwrap());
    assert_eq!(take(&mut router), Some((2, b"ba".to_vec())), "a completion never released");
}

#[test]
fn only_the_batch_that_runs_is_started() {
    let (mut router, mut worker) = ends(3);
    publish(&mut router, 7, b"a");
    publish(&mut router, 8, b"b");
    assert_eq!(router.started(), Ok(None));
    drop(worker.next_request().unwrap().unwrap());
    assert_eq!(router.started(), Ok(None), "looking at a batch does not start it");
    worker.next_request().unwrap().unwrap().start();
    assert_eq!(router.started(), Ok(Some(BatchId(7))));
    answer(&mut worker);
    assert_eq!(router.started(), Ok(None));
    worker.next_request().unwrap().unwrap().start();
    assert_eq!(router.started(), Ok(Some(BatchId(8))), "also while 7 waits to be taken");
}

#[test]
fn failures_arrive_with_their_kind_and_as_much_of_the_message_as_fits() {
    let long = "é".repeat(MAX_TEXT);
    let cut = "é".repeat(MAX_TEXT / 2);
    for kind in FailureKind::ALL {
        for (sent, arrived) in [("", ""), ("out of luck", "out of luck"), (&long, &cut)] {
            let (mut router, mut worker) = ends(2);
            publish(&mut router, 3, b"x");
            let mut request = worker.next_request().unwrap().unwrap();
            // What was written before it failed is not part of the answer.
            request.start().1.tensor(bytes(5)).unwrap();
            request.fail(kind, sent, ComputeNanos::default());
            let completion = router.next_completion().unwrap().unwrap();
            let message = arrived.to_owned();
            assert_eq!(completion.outcome(), &Outcome::Failed { kind, message });
            assert!(completion.copy(0, 0, &mut Vec::new(), 1).is_err());
        }
    }
}

#[test]
fn outputs_keep_their_structure() {
    use Structure::{Dict, Tensor, Tuple};
    let named = Dict(vec![("a".into(), Tensor), ("b".into(), Tuple(vec![Tensor]))]);
    for (given, tensors, arrived) in [
        (None, 0, Tuple(vec![])),
        (None, 1, Tensor),
        (None, 2, Tuple(vec![Tensor, Tensor])),
        (Some(named.clone()), 2, named),
    ] {
        let (mut router, mut worker) = ends(2);
        publish(&mut router, 1, b"x");
        let mut request = worker.next_request().unwrap().unwrap();
        let (_, mut frame) = request.start();
        for count in 0..tensors {
            frame.tensor(bytes(count)).unwrap();
        }
        given.iter().for_each(|structure| frame.structure(structure).unwrap());
        request.finish(ComputeNanos::default());
        let completion = router.next_completion().unwrap().unwrap();
        let outputs = (0..tensors).map(bytes).collect();
        assert_eq!(completion.outcome(), &Outcome::Done { outputs, structure: arrived });
    }
}

#[test]
fn a_structure_that_cannot_be_passed_fails_the_batch_and_not_the_worker() {
    let (mut router, mut worker) = ends(2);
    publish(&mut router, 1, b"x");
    let mut request = worker.next_request().unwrap().unwrap();
    let (_, mut frame) = request.start();
    let deep = (0..99).fold(Structure::Tensor, |inner, _| Structure::List(vec![inner]));
    let long = Structure::Dict(vec![("k".repeat(MAX_TEXT), Structure::Tensor)]);
    for structure in [deep, long] {
        assert!(frame.structure(&structure).is_err());
    }
    frame.structure(&Structure::Tuple(vec![])).unwrap();
    frame.tensor(bytes(1)).unwrap();
    request.finish(ComputeNanos::default());
    let completion = router.next_completion().unwrap().unwrap();
    assert!(matches!(completion.outcome(), Outcome::Failed { kind: FailureKind::Engine, .. }));
}

#[test]
fn no_tensor_is_written_or_read_past_its_end() {
    let (mut router, mut worker) = ends(2);
    let mut frame = router.begin(BatchId(1), 1).unwrap();
    let slot = frame.tensor(bytes(10)).unwrap();
    for (offset, length, fits) in [(0, 10, true), (9, 1, true), (10, 0, true), (10, 1, false)] {
        assert_eq!(frame.write(slot, offset, &vec![1; length]).is_ok(), fits, "{offset} {length}");
    }
    assert!(frame.write(slot, u64::MAX, &[1]).is_err());
    assert!(frame.tensor(bytes(256)).is_err());
    frame.publish();
    answer(&mut worker).unwrap();
    let completion = router.next_completion().unwrap().unwrap();
    for (tensor, offset, length, holds) in
        [(0, 10, 0, true), (0, 10, 1, false), (1, 0, 0, false), (0, u64::MAX, 1, false)]
    {
        let copied = completion.copy(tensor, offset, &mut Vec::new(), length);
        assert_eq!(copied.is_ok(), holds, "{tensor} {offset} {length}");
    }
}

#[test]
fn nobody_sleeps_on_work_and_only_a_sleeper_is_rung() {
    let rung = |end: std::os::fd::BorrowedFd<'_>| nix::unistd::read(end, &mut [0; 8]).is_ok();
    let (mut router, mut worker) = ends(2);
    publish(&mut router, 1, b"x");
    assert!(!rung(worker.doorbell()), "the worker was awake");
    assert!(!worker.prepare_to_sleep(), "there is a batch");
    answer(&mut worker);
    assert!(!rung(router.doorbell()), "the router was awake");
    assert!(!router.prepare_to_sleep(), "there is a completion");
    take(&mut router);
    assert!(worker.prepare_to_sleep());
    assert!(router.prepare_to_sleep());
    publish(&mut router, 2, b"x");
    assert!(rung(worker.doorbell()));
    worker.wake_up();
    answer(&mut worker);
    assert!(rung(router.doorbell()));
    router.wake_up();
    worker.count_missed_wake();
    assert_eq!(router.missed_wakes(), 1);
}

#[test]
fn a_worker_refuses_a_router_that_publishes_more_than_there_are_frames() {
    let geometry = geometry(2);
    let (requests, request_reader) = heap::shared(geometry.request_region_bytes());
    let (response_writer, _responses) = heap::shared(geometry.response_region_bytes());
    let (_ours, theirs) = bells();
    let regions = (request_reader, response_writer);
    let mut worker = WorkerEnd::over(geometry, regions, theirs, FIRST);
    for ahead in [3, u32::MAX] {
        let index = FIRST.wrapping_add(ahead);
        cursor::publish(&requests.words::<RequestWords>().published.0, index);
        assert!(!worker.prepare_to_sleep(), "{ahead}");
        assert!(matches!(worker.next_request(), Err(PeerViolation::Index { .. })), "{ahead}");
    }
}

#[test]
fn the_ends_may_move_to_another_thread() {
    fn movable<T: Send>() {}
    movable::<RouterEnd>();
    movable::<WorkerEnd>();
}

/// A router whose worker is this test, writing whatever it likes.
struct Hostile {
    router: RouterEnd,
    region: WritableRegion,
    frames: Frames,
    _requests: Region,
    _bells: (Bell, Bell),
}

/// With batches 0 and 1, of one row each, in flight in frames 0 and 1.
fn hostile() -> Hostile {
    let geometry = geometry(2);
    let (request_writer, requests) = heap::shared(geometry.request_region_bytes());
    let (region, response_reader) = heap::shared(geometry.response_region_bytes());
    let (ours, bells) = bells();
    cursor::publish(&region.words::<ResponseWords>().completed.0, FIRST);
    let mut router = RouterEnd::over(geometry, (request_writer, response_reader), ours, FIRST);
    publish(&mut router, 0, b"x");
    publish(&mut router, 1, b"x");
    let frames = Frames::responses(&geometry);
    Hostile { router, region, frames, _requests: requests, _bells: bells }
}

impl Hostile {
    fn completed(&self, ahead: u32) {
        let index = FIRST.wrapping_add(ahead);
        cursor::publish(&self.region.words::<ResponseWords>().completed.0, index);
    }

    /// Reads everything there is, as a router would.
    fn harvest(&mut self) -> Result<(), PeerViolation> {
        self.router.started()?;
        self.router.prepare_to_sleep();
        while let Some(completion) = self.router.next_completion()? {
            if let Outcome::Done { outputs, structure } = completion.outcome() {
                assert_eq!(structure.tensors(), outputs.len());
                for (tensor, meta) in outputs.iter().enumerate() {
                    completion.copy(tensor, 0, &mut Vec::new(), meta.bytes().unwrap())?;
                }
            }
            completion.release();
        }
        Ok(())
    }
}

#[test]
fn an_answer_that_is_not_the_oldest_batch_in_flight_is_a_violation() {
    let good = Header { batch: 0, rows: 1, ..Header::default() };
    let (expected, batch) = (BatchId(0), BatchId(0));
    for (header, violation) in [
        (Header { batch: 1, ..good }, PeerViolation::WrongBatch { expected, answered: BatchId(1) }),
        (Header { rows: 2, ..good }, PeerViolation::WrongRows { batch, expected: 1, answered: 2 }),
        (Header { outcome: 6, ..good }, PeerViolation::UnknownOutcome(6)),
        (Header { outcome: 256, ..good }, PeerViolation::UnknownOutcome(256)),
        (Header { text: 65_537, ..good }, PeerViolation::TextTooLong(65_537)),
        (Header { tensors: 65, ..good }, crate::DescriptorError::TooManyTensors(65).into()),
        (Header { text: 1, ..good }, PeerViolation::WrongLeaves { leaves: 1, tensors: 0 }),
    ] {
        let mut hostile = hostile();
        hostile.region.copy_in(hostile.frames.header(0), &header.encode());
        hostile.completed(1);
        assert_eq!(hostile.router.next_completion().map(drop), Err(violation));
    }
}

#[test]
fn an_index_out_of_reach_is_a_violation_and_keeps_the_router_awake() {
    for ahead in [3, 4, 1 << 31, u32::MAX] {
        let mut hostile = hostile();
        hostile.completed(ahead);
        assert!(!hostile.router.prepare_to_sleep());
        assert!(matches!(hostile.harvest(), Err(PeerViolation::Index { .. })), "{ahead}");
    }
}

fn any_header() -> impl Strategy<Value = Header> {
    let near = |most: u32| prop_oneof![8 => 0..most, 1 => any::<u32>()];
    (0u64..2, 0u32..2, near(4), near(7), near(64), any::<[u64; 3]>()).prop_map(
        |(batch, rows, tensors, outcome, text, [input, infer, output])| Header {
            batch,
            rows: 1 + rows / 2,
            tensors,
            outcome,
            text,
            compute: ComputeNanos { input, infer, output },
        },
    )
}

/// Mostly small, because those come closer to being believed.
fn any_byte() -> impl Strategy<Value = u8> {
    prop_oneof![2 => Just(0u8), 1 => 0..10u8, 1 => any::<u8>()]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    #[cfg_attr(miri, ignore = "hundreds of cases are too slow under miri")]
    fn whatever_a_worker_writes_the_router_survives(
        seed in any::<u8>(),
        words in proptest::array::uniform2(prop_oneof![4 => 0u32..4, 1 => any::<u32>()]),
        headers in proptest::array::uniform2(any_header()),
        entries in proptest::collection::vec(any_byte(), 0..300),
        text in proptest::collection::vec(0u8..5, 0..64),
    ) {
        let mut hostile = hostile();
        for slot in 0..2 {
            hostile.region.copy_in(hostile.frames.payload(slot), &[seed; 512]);
            hostile.region.copy_in(hostile.frames.text(slot), &text);
            hostile.region.copy_in(hostile.frames.entries(slot), &entries);
            hostile.region.copy_in(hostile.frames.header(slot), &headers[slot as usize].encode());
        }
        hostile.completed(words[0]);
        let started = FIRST.wrapping_add(words[1]);
        cursor::publish(&hostile.region.words::<ResponseWords>().started.0, started);
        // Neither a panic nor a read out of bounds; whether it is refused depends on the bytes.
        let _ = hostile.harvest();
    }
}
