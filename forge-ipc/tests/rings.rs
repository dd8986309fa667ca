//! Both ends over real memory files and bells, attached through a control socket as two processes
//! do it.
#![cfg(not(miri))]
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails its test")]

use std::os::fd::{AsFd, BorrowedFd};
use std::thread;

use forge_ipc::{
    BatchId, ComputeNanos, ControlSocket, Dtype, Geometry, Outcome, OutputSink, PeerFds,
    RegionError, RouterEnd, Shape, TensorMeta, ToWorker, WorkerEnd,
};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

const BATCHES: u64 = 20_000;

fn connect(geometry: Geometry) -> (RouterEnd, WorkerEnd) {
    let (ours, theirs) = ControlSocket::pair().unwrap();
    let (router, fds) = RouterEnd::create(geometry).unwrap();
    ours.send(&ToWorker::Attach(geometry), &fds.borrow()).unwrap();
    drop(fds);
    let received = ControlSocket::from_fd(theirs).receive().unwrap();
    let ToWorker::Attach(geometry) = received.message else { panic!("{:?}", received.message) };
    let fds = PeerFds::from_received(received.fds).unwrap();
    (router, WorkerEnd::attach(geometry, fds).unwrap())
}

/// Waits until the doorbell rings. A lost wake-up is a failed test and not a hang.
fn wait(doorbell: BorrowedFd<'_>) {
    let mut fds = [PollFd::new(doorbell, PollFlags::POLLIN)];
    assert_eq!(poll(&mut fds, PollTimeout::from(10_000u16)), Ok(1), "nobody rang");
}

fn serve(mut worker: WorkerEnd) {
    let mut served = 0;
    while served < BATCHES {
        while let Some(mut request) = worker.next_request().unwrap() {
            let (batch, mut frame) = request.start();
            frame.tensor(batch.inputs[0].meta).unwrap().copy_from_slice(batch.inputs[0].bytes);
            request.finish(ComputeNanos::default());
            served += 1;
        }
        if served < BATCHES && worker.prepare_to_sleep() {
            wait(worker.doorbell());
            worker.drain_doorbell();
        }
        worker.wake_up();
    }
}

#[test]
fn two_threads_that_sleep_and_wake_each_other_lose_no_batch() {
    let (mut router, worker) = connect(Geometry::new(3, 64, 64).unwrap());
    let worker = thread::spawn(|| serve(worker));
    let meta = TensorMeta { dtype: Dtype::Int64, shape: Shape::new(&[1]).unwrap() };
    let (mut sent, mut answered) = (0, 0);
    let mut bytes = Vec::new();
    while answered < BATCHES {
        while sent < BATCHES {
            let Some(mut frame) = router.begin(BatchId(sent), 1) else { break };
            let slot = frame.tensor(meta).unwrap();
            frame.write(slot, 0, &sent.to_le_bytes()).unwrap();
            frame.publish();
            sent += 1;
        }
        while let Some(completion) = router.next_completion().unwrap() {
            assert_eq!(completion.batch(), BatchId(answered));
            assert!(
                matches!(completion.outcome(), Outcome::Done { outputs, .. } if *outputs == [meta])
            );
            bytes.clear();
            completion.copy(0, 0, &mut bytes, 8).unwrap();
            assert_eq!(bytes, answered.to_le_bytes());
            completion.release();
            answered += 1;
        }
        if answered < BATCHES && (sent == BATCHES || router.free_frames() == 0) {
            if router.prepare_to_sleep() {
                wait(router.doorbell());
                nix::unistd::read(router.doorbell(), &mut [0; 8]).unwrap();
            }
            router.wake_up();
        }
    }
    worker.join().unwrap();
}

#[test]
fn inputs_are_aligned_for_vector_loads() {
    let (mut router, mut worker) = connect(Geometry::new(2, 1024, 64).unwrap());
    let mut frame = router.begin(BatchId(0), 1).unwrap();
    for count in [1, 65, 3] {
        let shape = Shape::new(&[count]).unwrap();
        frame.tensor(TensorMeta { dtype: Dtype::Uint8, shape }).unwrap();
    }
    frame.publish();
    let request = worker.next_request().unwrap().unwrap();
    assert!(request.inputs().iter().all(|input| input.bytes.as_ptr().addr() % 64 == 0));
}

#[test]
fn a_worker_attaches_only_to_the_regions_that_were_agreed() {
    let geometry = Geometry::new(2, 64, 64).unwrap();
    let larger = Geometry::new(3, 64, 64).unwrap();
    let fds = || RouterEnd::create(geometry).unwrap().1;
    assert!(matches!(
        WorkerEnd::attach(larger, fds()),
        Err(RegionError::WrongSize { expected, .. }) if expected == larger.request_region_bytes()
    ));
    let PeerFds { request_region, response_region, to_worker, to_router } = fds();
    let swapped = PeerFds {
        request_region: response_region,
        response_region: request_region,
        to_worker,
        to_router,
    };
    assert!(matches!(WorkerEnd::attach(geometry, swapped), Err(RegionError::Unsealed { .. })));
    let odd = Geometry { frames: 9, ..geometry };
    assert!(matches!(WorkerEnd::attach(odd, fds()), Err(RegionError::Geometry(_))));
    assert!(matches!(RouterEnd::create(odd), Err(RegionError::Geometry(_))));
}

#[test]
fn a_worker_cannot_write_requests_nor_resize_answers() {
    let (_router, fds) = RouterEnd::create(Geometry::new(2, 64, 64).unwrap()).unwrap();
    let requests = std::fs::File::from(fds.request_region.try_clone().unwrap());
    let responses = std::fs::File::from(fds.response_region.try_clone().unwrap());
    for region in [&requests, &responses] {
        assert_eq!(region.set_len(0).unwrap_err().raw_os_error(), Some(nix::libc::EPERM));
    }
    use std::os::unix::fs::FileExt;
    let error = requests.write_at(&[1], 0).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(nix::libc::EPERM));
    responses.write_at(&[1], 0).unwrap();
}

#[test]
fn a_doorbell_is_nonblocking() {
    let (router, worker) = connect(Geometry::new(2, 64, 64).unwrap());
    for bell in [router.doorbell(), worker.doorbell()] {
        let error = nix::unistd::read(bell.as_fd(), &mut [0; 8]);
        assert_eq!(error, Err(nix::errno::Errno::EAGAIN));
    }
}
