//! The ring's protocol under every interleaving and every reordering the memory model allows.
//!
//! `cursor.rs` and `doorbell.rs` of forge-ipc are compiled here a second time, the very same files,
//! with loom's atomics in place of the real ones. Payloads are loom's cells, which fail the test at
//! any access that is not ordered after the last write; bells are loom's notifications, so that a
//! lost wake-up shows as a deadlock.

#[allow(dead_code)]
#[path = "../../forge-ipc/src/cursor.rs"]
mod cursor;
#[allow(dead_code)]
#[path = "../../forge-ipc/src/doorbell.rs"]
mod doorbell;

/// What `crate::sync` is in forge-ipc.
mod sync {
    pub(crate) use loom::sync::atomic::{AtomicU32, Ordering, fence};
}

use cursor::{RouterCursor, WorkerCursor};
use loom::cell::UnsafeCell;
use loom::sync::{Arc, Notify};
use loom::thread;
use sync::AtomicU32;

/// Two frames are the fewest a ring has, and reach every state the indices have.
const FRAMES: u32 = 2;

/// The counters wrap while the test runs.
const FIRST: u32 = u32::MAX;

/// Both regions and both bells.
struct Shared {
    published: AtomicU32,
    started: AtomicU32,
    completed: AtomicU32,
    router_sleeping: AtomicU32,
    worker_sleeping: AtomicU32,
    requests: [UnsafeCell<u32>; FRAMES as usize],
    responses: [UnsafeCell<u32>; FRAMES as usize],
    to_router: Notify,
    to_worker: Notify,
}

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            published: AtomicU32::new(FIRST),
            started: AtomicU32::new(FIRST),
            completed: AtomicU32::new(FIRST),
            router_sleeping: AtomicU32::new(0),
            worker_sleeping: AtomicU32::new(0),
            requests: std::array::from_fn(|_| UnsafeCell::new(0)),
            responses: std::array::from_fn(|_| UnsafeCell::new(0)),
            to_router: Notify::new(),
            to_worker: Notify::new(),
        })
    }
}

fn put(cells: &[UnsafeCell<u32>], slot: u32, value: u32) {
    // SAFETY: loom itself checks that nothing else accesses the cell now, which is what this test
    // is for.
    cells[slot as usize].with_mut(|cell| unsafe { *cell = value });
}

fn get(cells: &[UnsafeCell<u32>], slot: u32) -> u32 {
    // SAFETY: as above.
    cells[slot as usize].with(|cell| unsafe { *cell })
}

/// The router's end: the calls of `RouterEnd`, in their order.
struct Router {
    shared: Arc<Shared>,
    cursor: RouterCursor,
}

impl Router {
    fn publish(&mut self, request: u32) -> bool {
        let Some(slot) = self.cursor.slot_to_fill() else { return false };
        put(&self.shared.requests, slot, request);
        cursor::publish(&self.shared.published, self.cursor.publish());
        if doorbell::must_ring(&self.shared.worker_sleeping) {
            self.shared.to_worker.notify();
        }
        true
    }

    fn take(&mut self) -> Option<u32> {
        let completed = cursor::observe(&self.shared.completed);
        if self.cursor.ready(completed) == Ok(0) {
            return None;
        }
        let answer = get(&self.shared.responses, self.cursor.oldest_slot());
        self.cursor.release();
        Some(answer)
    }

    fn wait(&self) {
        let idle = || self.cursor.ready(cursor::observe(&self.shared.completed)) == Ok(0);
        if doorbell::prepare_to_sleep(&self.shared.router_sleeping, idle) {
            self.shared.to_router.wait();
        }
        doorbell::wake_up(&self.shared.router_sleeping);
    }
}

/// The worker's end: the calls of `WorkerEnd`, in their order.
struct Worker {
    shared: Arc<Shared>,
    cursor: WorkerCursor,
}

impl Worker {
    fn answer(&mut self) -> bool {
        let published = cursor::observe(&self.shared.published);
        if self.cursor.waiting(published) == Ok(0) {
            return false;
        }
        let slot = self.cursor.slot();
        cursor::publish(&self.shared.started, self.cursor.started());
        put(&self.shared.responses, slot, get(&self.shared.requests, slot) * 10);
        cursor::publish(&self.shared.completed, self.cursor.complete());
        if doorbell::must_ring(&self.shared.router_sleeping) {
            self.shared.to_router.notify();
        }
        true
    }

    fn wait(&self) {
        let idle = || self.cursor.waiting(cursor::observe(&self.shared.published)) == Ok(0);
        if doorbell::prepare_to_sleep(&self.shared.worker_sleeping, idle) {
            self.shared.to_worker.wait();
        }
        doorbell::wake_up(&self.shared.worker_sleeping);
    }

    fn serve(&mut self, batches: u32) {
        let mut answered = 0;
        while answered < batches {
            if self.answer() {
                answered += 1;
            } else {
                self.wait();
            }
        }
    }
}

fn ends() -> (Router, Worker) {
    let shared = Shared::new();
    let worker = Worker { shared: Arc::clone(&shared), cursor: WorkerCursor::new(FRAMES, FIRST) };
    (Router { shared, cursor: RouterCursor::new(FRAMES, FIRST) }, worker)
}

#[test]
fn a_request_is_whole_where_its_index_is_seen() {
    loom::model(|| {
        let (mut router, mut worker) = ends();
        let other = thread::spawn(move || {
            worker.answer();
            worker.answer();
        });
        assert!(router.publish(1));
        assert!(router.publish(2));
        other.join().unwrap();
    });
}

#[test]
fn nobody_sleeps_for_ever_while_there_is_work() {
    loom::model(|| {
        let (mut router, mut worker) = ends();
        let other = thread::spawn(move || worker.serve(1));
        assert!(router.publish(1));
        let answer = loop {
            match router.take() {
                Some(answer) => break answer,
                None => router.wait(),
            }
        };
        assert_eq!(answer, 10);
        other.join().unwrap();
    });
}

#[test]
fn a_frame_is_written_again_only_after_it_was_released() {
    let mut model = loom::model::Builder::new();
    // Three batches through two frames have too many interleavings to try all. Loom's own manual: a
    // bound of 2 or 3 finds most bugs.
    model.preemption_bound = Some(2);
    model.check(|| {
        let (mut router, mut worker) = ends();
        let other = thread::spawn(move || worker.serve(3));
        let (mut sent, mut answers) = (0, Vec::new());
        while answers.len() < 3 {
            while sent < 3 && router.publish(sent + 1) {
                sent += 1;
            }
            match router.take() {
                Some(answer) => answers.push(answer),
                None => router.wait(),
            }
        }
        assert_eq!(answers, [10, 20, 30]);
        other.join().unwrap();
    });
}

#[test]
fn a_started_batch_is_one_in_flight_whenever_it_is_looked_at() {
    loom::model(|| {
        let (mut router, mut worker) = ends();
        assert!(router.publish(1));
        assert!(router.publish(2));
        let other = thread::spawn(move || {
            worker.answer();
            worker.answer();
        });
        let completed = cursor::observe(&router.shared.completed);
        let started = cursor::observe(&router.shared.started);
        assert!(router.cursor.started_slot(completed, started).is_ok());
        other.join().unwrap();
    });
}
