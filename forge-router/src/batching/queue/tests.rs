//! The policy told as stories.

mod properties;

use std::num::NonZeroU8;

use super::*;
use crate::tensor::{Dtype, Shape};

const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// Its parts have its name.
impl SplitRows for &'static str {
    fn split_rows(self, _: u32) -> (Self, Self) {
        (self, self)
    }
}

fn priority(level: u8) -> Priority {
    Priority::new(NonZeroU8::new(level).unwrap())
}

fn key(dims: &[u64]) -> Group {
    Group::of_tensors([TensorMeta { dtype: Dtype::Float32, shape: Shape::new(dims).unwrap() }])
}

/// Some moment: what counts is the time since then.
fn beginning() -> Instant {
    Instant::now()
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
            queue: Queue::new(Policy {
                max_rows,
                window: Duration::from_millis(window_ms),
                longest_wait: LONGEST_WAIT,
            }),
            start: beginning(),
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
        let timing =
            Timing { arrived: self.at(ms), deadline: self.at(deadline_ms), priority: priority(5) };
        self.queue.push(&key(dims), self.rows_limit, Entry { rows, timing, item: name })
    }

    /// One row of that priority.
    fn push_at(&mut self, level: u8, ms: u64, dims: &[u64], name: &'static str) -> Ticket {
        let (arrived, deadline) = (self.at(ms), self.at(1_000_000));
        let timing = Timing { arrived, deadline, priority: priority(level) };
        self.queue.push(&key(dims), self.rows_limit, Entry { rows: 1, timing, item: name })
    }

    /// What runs, and what had expired.
    fn cut(&mut self, ms: u64) -> (Vec<&'static str>, Vec<&'static str>) {
        let cut = self.queue.cut(self.at(ms));
        assert_consistent(&self.queue);
        let batch = cut.batch.map_or(vec![], |batch| {
            assert_eq!(batch.rows, batch.entries.iter().map(|entry| entry.rows).sum::<u32>());
            batch.entries.into_iter().map(|entry| entry.item).collect()
        });
        (batch, cut.expired)
    }

    /// The rows that run, and whether their request has left the queue.
    fn cut_rows(&mut self, ms: u64) -> Vec<(&'static str, u32, bool)> {
        let cut = self.queue.cut(self.at(ms));
        assert_consistent(&self.queue);
        let entries = cut.batch.map_or(vec![], |batch| batch.entries);
        let told = |(place, entry): (usize, Entry<&'static str>)| {
            (entry.item, entry.rows, place < cut.left)
        };
        entries.into_iter().enumerate().map(told).collect()
    }
}

/// The invariants of the module's documentation.
fn assert_consistent<T: SplitRows>(queue: &Queue<T>) {
    let heads = queue.groups.iter().flat_map(|(key, group)| {
        assert!(!group.is_empty());
        group.heads().map(move |(ticket, arrived)| (ticket, (key, arrived)))
    });
    let heads: BTreeMap<_, _> = heads.collect();
    let listed = queue.heads.iter().map(|(ticket, head)| (*ticket, (&head.group, head.arrived)));
    assert_eq!(heads, listed.collect());
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
    assert!(story.queue.groups.is_empty() && story.queue.heads.is_empty());
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

#[test]
fn a_request_of_more_rows_than_a_batch_is_cut_in_parts_and_its_last_rows_share_one() {
    let mut story = Story::new(4, 0);
    story.push(0, &[4], 1, "before");
    story.push(0, &[4], 10, "large");
    story.push(0, &[4], 1, "behind");
    story.push(0, &[4], 2, "last");
    assert_eq!(story.cut_rows(0), [("before", 1, true)]);
    assert_eq!(story.cut_rows(0), [("large", 4, false)]);
    assert_eq!(story.cut_rows(0), [("large", 4, false)]);
    assert_eq!(story.cut_rows(0), [("large", 2, true), ("behind", 1, true)]);
    assert_eq!(story.cut_rows(0), [("last", 2, true)]);
    assert_eq!(story.cut_rows(0), []);
}

#[test]
fn what_is_left_of_a_request_can_be_taken_back_and_expires() {
    let mut story = Story::new(4, 0);
    let large = story.push(0, &[4], 10, "large");
    story.push_until(0, 5, &[4], 9, "late");
    assert_eq!(story.cut_rows(0), [("large", 4, false)]);
    assert_eq!(story.queue.remove(&key(&[4]), large).map(|entry| entry.rows), Some(6));
    assert_eq!(story.cut_rows(4), [("late", 4, false)]);
    assert_eq!(story.cut(5), (vec![], vec!["late"]));
    assert!(story.queue.groups.is_empty());
}

#[test]
fn a_higher_priority_goes_first_and_equals_in_their_order() {
    let mut story = Story::new(2, 0);
    for (level, name) in [(5, "a"), (5, "b"), (9, "low"), (1, "c"), (4, "d"), (1, "e")] {
        story.push_at(level, 0, &[4], name);
    }
    assert_eq!(story.cut(0), (vec!["c", "e"], vec![]));
    assert_eq!(story.cut(0), (vec!["d", "a"], vec![]));
    assert_eq!(story.cut(0), (vec!["b", "low"], vec![]));
}

#[test]
fn a_higher_priority_goes_before_other_groups_too() {
    let mut story = Story::new(4, 0);
    story.push_at(5, 0, &[1], "old");
    story.push_at(2, 1, &[2], "urgent");
    story.push_at(5, 1, &[2], "along");
    story.push_at(3, 1, &[3], "less");
    assert_eq!(story.cut(2), (vec!["urgent", "along"], vec![]));
    assert_eq!(story.cut(2), (vec!["less"], vec![]));
    assert_eq!(story.cut(2), (vec!["old"], vec![]));
}

#[test]
fn who_has_waited_longest_goes_first_whatever_its_priority() {
    let mut story = Story::new(1, 0);
    story.push_at(9, 0, &[4], "low");
    story.push_at(7, 1, &[5], "middle");
    story.push_at(1, 2, &[4], "high");
    story.push_at(1, 2, &[4], "higher");
    assert_eq!(story.cut(499), (vec!["high"], vec![]));
    assert_eq!(story.cut(500), (vec!["low"], vec![]));
    assert_eq!(story.cut(500), (vec!["higher"], vec![]));
    assert_eq!(story.cut(500), (vec!["middle"], vec![]));
}

#[test]
fn the_window_begins_with_the_first_request_of_any_priority() {
    let mut story = Story::new(3, 10);
    story.push_at(9, 0, &[4], "low");
    story.push_at(1, 8, &[4], "high");
    assert_eq!(story.queue.next_ripe(), Some(story.at(10)));
    assert_eq!(story.cut(9), (vec![], vec![]));
    assert_eq!(story.cut(10), (vec!["high", "low"], vec![]));
}

#[test]
fn one_of_a_low_priority_runs_while_a_higher_one_waits_for_its_window() {
    let mut story = Story::new(2, 100);
    story.push_at(1, 50, &[1], "high");
    story.push_at(9, 60, &[2], "low");
    story.push_at(9, 60, &[2], "lower");
    assert_eq!(story.cut(60), (vec!["low", "lower"], vec![]));
    assert_eq!(story.cut(150), (vec!["high"], vec![]));
}

#[test]
fn between_the_parts_of_a_request_a_higher_priority_goes_first() {
    let mut story = Story::new(2, 0);
    story.push(0, &[4], 3, "large");
    assert_eq!(story.cut_rows(0), [("large", 2, false)]);
    story.push_at(1, 1, &[4], "urgent");
    assert_eq!(story.cut_rows(1), [("urgent", 1, true), ("large", 1, true)]);
}

#[test]
fn the_expired_do_not_make_a_batch_full() {
    let mut story = Story::new(2, 100);
    story.push(0, &[4], 1, "a");
    story.push_until(0, 5, &[4], 1, "late");
    assert_eq!(story.cut(5), (vec![], vec![]));
    story.push(6, &[4], 1, "b");
    assert_eq!(story.cut(6), (vec!["a", "b"], vec!["late"]));
}
