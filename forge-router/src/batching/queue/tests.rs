//! The policy told as stories.

use super::*;
use crate::tensor::{Dtype, Shape};

fn key(dims: &[u64]) -> Group {
    Group::of_tensors([TensorMeta { dtype: Dtype::Float32, shape: Shape::new(dims).unwrap() }])
}

/// A queue with a clock that only the test moves.
struct Story {
    queue: Queue<&'static str>,
    start: Instant,
    rows_limit: u32,
}

impl Story {
    fn new(max_rows: u32, window_ms: u64) -> Self {
        Self {
            queue: Queue::new(max_rows, Duration::from_millis(window_ms)),
            start: Instant::now(),
            rows_limit: max_rows,
        }
    }

    fn at(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }

    fn push(&mut self, ms: u64, dims: &[u64], rows: u32, name: &'static str) -> Ticket {
        self.push_until(ms, 1_000_000, dims, rows, name)
    }

    fn push_until(
        &mut self,
        ms: u64,
        deadline_ms: u64,
        dims: &[u64],
        rows: u32,
        name: &'static str,
    ) -> Ticket {
        let timing = Timing {
            arrived: self.at(ms),
            deadline: self.at(deadline_ms),
            priority: Priority::DEFAULT,
        };
        self.queue.push(&key(dims), self.rows_limit, Entry { rows, timing, item: name })
    }

    fn cut(&mut self, ms: u64) -> (Vec<&'static str>, Vec<&'static str>) {
        let cut = self.queue.cut(self.at(ms));
        let batch = cut.batch.map_or(vec![], |batch| {
            assert_eq!(batch.rows, batch.entries.iter().map(|entry| entry.rows).sum::<u32>());
            batch.entries.into_iter().map(|entry| entry.item).collect()
        });
        assert_eq!(self.queue.by_age.len(), self.queue.groups.len());
        (batch, cut.expired)
    }
}

#[test]
fn without_a_window_a_lone_request_is_cut_at_once() {
    let mut story = Story::new(32, 0);
    story.push(0, &[4], 1, "a");
    assert_eq!(story.cut(0), (vec!["a"], vec![]));
    assert_eq!(story.cut(0), (vec![], vec![]));
    assert_eq!(story.queue.next_ripe(), None);
}

#[test]
fn with_a_window_a_batch_waits_from_its_first_request() {
    let mut story = Story::new(32, 10);
    story.push(0, &[4], 1, "a");
    story.push(9, &[4], 1, "b");
    assert_eq!(story.cut(9), (vec![], vec![]));
    assert_eq!(story.queue.next_ripe(), Some(story.at(10)));
    assert_eq!(story.cut(10), (vec!["a", "b"], vec![]));
}

#[test]
fn a_full_batch_does_not_wait_for_the_window() {
    let mut story = Story::new(2, 1000);
    for name in ["a", "b", "c"] {
        story.push(0, &[4], 1, name);
    }
    assert_eq!(story.cut(0), (vec!["a", "b"], vec![]));
    assert_eq!(story.cut(0), (vec![], vec![]));
    assert_eq!(story.cut(1000), (vec!["c"], vec![]));
}

#[test]
fn a_full_young_group_passes_an_old_one_that_waits() {
    let mut story = Story::new(2, 100);
    story.push(0, &[1], 1, "old");
    story.push(1, &[2], 1, "b");
    story.push(1, &[2], 1, "c");
    assert_eq!(story.cut(2), (vec!["b", "c"], vec![]));
    assert_eq!(story.cut(100), (vec!["old"], vec![]));
}

#[test]
fn rows_of_different_shapes_never_share_a_batch_and_the_oldest_goes_first() {
    let mut story = Story::new(32, 0);
    story.push(0, &[4], 1, "a");
    story.push(0, &[5], 1, "x");
    story.push(0, &[4], 1, "b");
    assert_eq!(story.cut(0), (vec!["a", "b"], vec![]));
    assert_eq!(story.cut(0), (vec!["x"], vec![]));
}

#[test]
fn a_request_of_several_rows_is_never_torn() {
    let mut story = Story::new(4, 0);
    story.push(0, &[4], 3, "three");
    story.push(0, &[4], 2, "two");
    story.push(0, &[4], 1, "one");
    assert_eq!(story.cut(0), (vec!["three"], vec![]));
    assert_eq!(story.cut(0), (vec!["two", "one"], vec![]));
}

#[test]
fn the_expired_are_dropped_while_cutting() {
    let mut story = Story::new(2, 0);
    story.push_until(0, 5, &[4], 1, "late");
    story.push(0, &[4], 1, "a");
    story.push(0, &[4], 1, "b");
    assert_eq!(story.cut(5), (vec!["a", "b"], vec!["late"]));
    story.push_until(0, 5, &[4], 1, "late");
    story.push(0, &[9], 1, "other");
    assert_eq!(story.cut(5), (vec!["other"], vec!["late"]));
}

#[test]
fn who_hangs_up_leaves_the_queue() {
    let mut story = Story::new(32, 0);
    let first = story.push(0, &[4], 1, "a");
    let second = story.push(0, &[4], 1, "b");
    let lonely = story.push(0, &[5], 1, "x");
    assert_eq!(story.queue.remove(&key(&[4]), first).unwrap().item, "a");
    assert!(story.queue.remove(&key(&[4]), first).is_none());
    assert!(story.queue.remove(&key(&[4]), lonely).is_none());
    assert_eq!(story.queue.remove(&key(&[5]), lonely).unwrap().item, "x");
    assert_eq!(story.cut(0), (vec!["b"], vec![]));
    assert!(story.queue.remove(&key(&[4]), second).is_none());
    assert!(story.queue.groups.is_empty() && story.queue.by_age.is_empty());
}

#[test]
fn a_batch_is_cut_by_bytes_as_well_as_by_rows() {
    // A float32 [100] row takes 400 bytes; a batch's tensor starts at a multiple of 64.
    for (payload, max_rows, rows) in
        [(448, 32, 1), (399, 32, 0), (832, 32, 2), (1_000_000, 32, 32), (0, 1, 0)]
    {
        assert_eq!(rows_that_fit(&key(&[100]).row, payload, max_rows), rows, "{payload}");
    }
    let two = [key(&[100]).row, key(&[1]).row].concat();
    assert_eq!(rows_that_fit(&two, 448 + 64, 32), 1);
    assert_eq!(rows_that_fit(&key(&[u64::MAX]).row, u64::MAX, 4), 0);
}

#[test]
fn all_that_waits_can_be_taken() {
    let mut story = Story::new(32, 0);
    story.push(0, &[4], 1, "a");
    story.push(0, &[5], 1, "b");
    let mut all = story.queue.take_all();
    all.sort_unstable();
    assert_eq!(all, ["a", "b"]);
    assert_eq!(story.cut(0), (vec![], vec![]));
}
