//! The queue against a list that is sorted and searched from scratch at every step.

use proptest::prelude::*;

use super::*;

const MAX_ROWS: u32 = 4;

#[derive(Clone, Debug)]
enum Step {
    Push {
        group: u64,
        level: u8,
        rows: u32,
        patience: u64,
    },
    /// The so-manieth of those that wait is taken back.
    Remove(usize),
    Cut,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1u64..4, 1u8..4, 1u32..11, 1u64..100).prop_map(|(group, level, rows, patience)| {
            Step::Push { group, level, rows, patience }
        }),
        1 => any::<usize>().prop_map(Step::Remove),
        3 => Just(Step::Cut),
        3 => (0u64..20).prop_map(Step::Wait),
    ]
}

/// The rows of a request, by its number.
#[derive(Debug, PartialEq, Eq)]
struct Part {
    number: usize,
    rows: u32,
}

impl SplitRows for Part {
    fn split_rows(self, rows: u32) -> (Self, Self) {
        (Self { rows, ..self }, Self { rows: self.rows - rows, ..self })
    }
}

#[derive(Clone, Debug)]
struct Listed {
    number: usize,
    group: u64,
    timing: Timing,
    rows: u32,
    ticket: Ticket,
}

/// What waits, in the order in which it came.
struct List {
    policy: Policy,
    waiting: Vec<Listed>,
}

impl List {
    fn in_order(&self, now: Instant) -> Vec<Listed> {
        let mut waiting = self.waiting.clone();
        waiting.sort_by_key(|it| {
            match now.duration_since(it.timing.arrived) >= self.policy.longest_wait {
                true => (0, Priority::HIGHEST, it.number),
                false => (1, it.timing.priority, it.number),
            }
        });
        waiting
    }

    fn is_ripe(&self, group: u64, now: Instant) -> bool {
        let of_group = || self.waiting.iter().filter(|it| it.group == group);
        let alive = of_group().filter(|it| it.timing.deadline > now);
        let is_full = alive.map(|it| it.rows).sum::<u32>() >= MAX_ROWS;
        let waited = of_group().map(|it| now.duration_since(it.timing.arrived)).max();
        is_full || waited.is_some_and(|waited| waited >= self.policy.window)
    }

    /// The batch, and the numbers of the expired.
    fn cut(&mut self, now: Instant) -> (Vec<Part>, Vec<usize>) {
        let mut expired = Vec::new();
        loop {
            let in_order = self.in_order(now);
            let Some(first) = in_order.iter().find(|it| self.is_ripe(it.group, now)) else {
                return (vec![], expired);
            };
            let mut batch: Vec<Part> = Vec::new();
            for listed in in_order.iter().filter(|it| it.group == first.group) {
                let room = MAX_ROWS - batch.iter().map(|part| part.rows).sum::<u32>();
                let rows = listed.rows.min(MAX_ROWS);
                if room == 0 || (listed.timing.deadline > now && rows > room) {
                    break;
                }
                if listed.timing.deadline <= now {
                    expired.push(listed.number);
                    self.lose(listed.number, listed.rows);
                    continue;
                }
                batch.push(Part { number: listed.number, rows });
                self.lose(listed.number, rows);
            }
            if !batch.is_empty() {
                return (batch, expired);
            }
        }
    }

    fn lose(&mut self, number: usize, rows: u32) {
        self.waiting.iter_mut().filter(|it| it.number == number).for_each(|it| it.rows -= rows);
        self.waiting.retain(|it| it.rows > 0);
    }
}

fn run(steps: Vec<Step>, window_ms: u64, longest_wait_ms: u64) {
    let policy = Policy {
        max_rows: MAX_ROWS,
        window: Duration::from_millis(window_ms),
        longest_wait: Duration::from_millis(longest_wait_ms),
    };
    let (mut queue, mut list) = (Queue::new(policy), List { policy, waiting: Vec::new() });
    let mut now = beginning();
    for (number, step) in steps.into_iter().enumerate() {
        match step {
            Step::Push { group, level, rows, patience } => {
                let deadline = now + Duration::from_millis(patience);
                let timing = Timing { arrived: now, deadline, priority: priority(level) };
                let entry = Entry { rows, timing, item: Part { number, rows } };
                let ticket = queue.push(&key(&[group]), MAX_ROWS, entry);
                list.waiting.push(Listed { number, group, timing, rows, ticket });
            }
            Step::Remove(_) if list.waiting.is_empty() => {}
            Step::Remove(place) => {
                let listed = list.waiting.remove(place % list.waiting.len());
                let removed = queue.remove(&key(&[listed.group]), listed.ticket).unwrap();
                assert_eq!((removed.item.number, removed.rows), (listed.number, listed.rows));
                assert!(queue.remove(&key(&[listed.group]), listed.ticket).is_none());
            }
            Step::Cut => {
                let (batch, expired) = list.cut(now);
                let cut = queue.cut(now);
                let still = |part: &&Part| list.waiting.iter().all(|it| it.number != part.number);
                assert_eq!(cut.left, batch.iter().filter(still).count());
                let entries = cut.batch.map_or(vec![], |batch| batch.entries);
                assert!(entries.iter().all(|entry| entry.rows == entry.item.rows));
                let parts: Vec<Part> = entries.into_iter().map(|entry| entry.item).collect();
                assert_eq!(parts, batch);
                let numbers: Vec<_> = cut.expired.iter().map(|part| part.number).collect();
                assert_eq!(numbers, expired);
            }
            Step::Wait(ms) => now += Duration::from_millis(ms),
        }
        assert_consistent(&queue);
        let oldest = list.waiting.first().map(|it| it.timing.arrived + policy.window);
        assert_eq!(queue.next_ripe(), oldest.filter(|_| window_ms > 0));
    }
    assert_eq!(queue.take_all().len(), list.waiting.len());
}

proptest! {
    #[test]
    fn without_a_window_it_cuts_what_the_sorted_list_would(
        steps in prop::collection::vec(step(), 0..60),
        longest_wait_ms in prop_oneof![Just(0u64), 1u64..60, Just(1_000_000)],
    ) {
        run(steps, 0, longest_wait_ms);
    }

    #[test]
    fn with_a_window_too(
        steps in prop::collection::vec(step(), 0..60),
        window_ms in 1u64..40,
        longest_wait_ms in 0u64..60,
    ) {
        run(steps, window_ms, longest_wait_ms);
    }
}
