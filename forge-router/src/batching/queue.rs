//! The requests of one version that wait for a worker, and how a batch is cut from them.
//!
//! Requests whose tensors agree in dtype and shape, and whose other arguments are equal, form a
//! **group**; only they can share a batch.
//! *Reserve, then cut*: the caller cuts only when a worker has room, so an idle model answers at
//! once and batches grow with load, without a timer. With a window, a group that is not full waits
//! until the window since its **first** request has passed.
//!
//! **Order**: who has waited for `longest_wait` goes first, whatever its priority; then the higher
//! priority; among equals who came first. It holds across groups, which decides the group that is cut,
//! and within one, which decides who fills its batch.
//!
//! A request of more rows than a batch may have stays in its place while batches are cut from its front;
//! its last rows share one with others. Any other request is never torn.
//!
//! ```text
//! groups   (float32 [128])  -> 1: 6   5: 3, 5     heads   1, 6 -> (float32 [128])
//!          (float32 [64])   -> 5: 4                       5, 3 -> (float32 [128])
//!                                                         5, 4 -> (float32 [64])
//! ```
//!
//! Invariants: no group and no level of one is empty; `heads` holds the first ticket of every level of
//! every group and nothing else; tickets only grow, so each level is sorted.

mod waiting;

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::time::{Duration, Instant};

use self::waiting::{Taken, Waiting};
use super::{Group, Priority};
use crate::tensor::{TensorMeta, batch_bytes};

/// The place of a request in the queue. Those of the same priority are in the order in which they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket {
    priority: Priority,
    number: u64,
}

/// When a request came, when its answer is no longer wanted, and who goes before it.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    pub arrived: Instant,
    pub deadline: Instant,
    pub priority: Priority,
}

/// One request that waits, or as many of its rows as fit into a batch.
#[derive(Debug)]
pub struct Entry<T> {
    pub rows: u32,
    pub timing: Timing,
    pub item: T,
}

/// What can be run some of its rows at a time.
pub trait SplitRows: Sized {
    /// The first `rows` of them and the others. `rows` is at least 1 and less than there are.
    fn split_rows(self, rows: u32) -> (Self, Self);
}

/// Requests that run together: at least one, all of the same group.
#[derive(Debug)]
pub struct Batch<T> {
    pub group: Group,
    pub rows: u32,
    pub entries: Vec<Entry<T>>,
}

/// What one look at the queue took from it.
#[derive(Debug)]
pub struct Cut<T> {
    pub batch: Option<Batch<T>>,
    /// How many requests left the queue with the batch: all of it, or none where more of the one that
    /// is in it still waits.
    pub left: usize,
    /// Requests whose deadline had passed; they are answered, not run.
    pub expired: Vec<T>,
}

/// What decides when a batch is cut, and from whom.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Of a batch.
    pub max_rows: u32,
    /// How long a group that is not full is held after its first request.
    pub window: Duration,
    /// Who has waited for so long goes before those of any priority who came later.
    pub longest_wait: Duration,
}

/// The queue of one version.
#[derive(Debug)]
pub struct Queue<T> {
    policy: Policy,
    next_number: u64,
    groups: HashMap<Group, Waiting<T>>,
    heads: BTreeMap<Ticket, Head>,
}

/// The first request of a level of a group.
#[derive(Debug)]
struct Head {
    group: Group,
    arrived: Instant,
}

/// How many rows of these inputs fit into `payload` bytes of a frame, at most `max_rows`.
pub fn rows_that_fit(key: &[TensorMeta], payload: u64, max_rows: u32) -> u32 {
    let fits = |rows: u32| batch_bytes(key, rows).is_some_and(|bytes| bytes <= payload);
    if fits(max_rows) {
        return max_rows;
    }
    // The bytes grow with the rows: the largest count that fits lies between these two.
    let (mut fitting, mut too_many) = (0, max_rows);
    while too_many - fitting > 1 {
        let middle = fitting + (too_many - fitting) / 2;
        if fits(middle) {
            fitting = middle;
        } else {
            too_many = middle;
        }
    }
    fitting
}

impl<T: SplitRows> Queue<T> {
    pub fn new(policy: Policy) -> Self {
        Self { policy, next_number: 0, groups: HashMap::new(), heads: BTreeMap::new() }
    }

    /// Adds a request of this group. `rows_limit` is what [`rows_that_fit`] gave for its row; a
    /// request of more rows is cut in parts.
    pub fn push(&mut self, key: &Group, rows_limit: u32, entry: Entry<T>) -> Ticket {
        let ticket = Ticket { priority: entry.timing.priority, number: self.next_number };
        self.next_number += 1;
        let arrived = entry.timing.arrived;
        let is_first = match self.groups.get_mut(key) {
            Some(group) => group.push(ticket, entry),
            None => {
                let limit = rows_limit.min(self.policy.max_rows);
                self.groups.insert(key.clone(), Waiting::new(limit, ticket, entry));
                true
            }
        };
        if is_first {
            self.heads.insert(ticket, Head { group: key.clone(), arrived });
        }
        ticket
    }

    /// Takes a request back, because nobody waits for it any more; `None` once its last rows were cut.
    pub fn remove(&mut self, key: &Group, ticket: Ticket) -> Option<Entry<T>> {
        let (key, mut group) = self.groups.remove_entry(key)?;
        let removed = group.remove(ticket);
        self.put_back(key, group);
        removed
    }

    /// Cuts the next batch: from the ripe group whose request is the first in order.
    pub fn cut(&mut self, now: Instant) -> Cut<T> {
        let mut expired = Vec::new();
        while let Some(key) = self.first_ripe(now).cloned() {
            let Some((key, mut group)) = self.groups.remove_entry(&key) else { break };
            let starved_since = now.checked_sub(self.policy.longest_wait);
            let Taken { entries, rows, left } = group.take(now, starved_since, &mut expired);
            self.put_back(key.clone(), group);
            if !entries.is_empty() {
                let batch = Some(Batch { group: key, rows, entries });
                return Cut { batch, left, expired };
            }
        }
        Cut { batch: None, left: 0, expired }
    }

    /// When the next group becomes ripe by the window alone; `None` where nothing waits for it.
    pub fn next_ripe(&self) -> Option<Instant> {
        if self.policy.window.is_zero() {
            return None;
        }
        self.levels().map(|(_, head)| head.arrived + self.policy.window).min()
    }

    /// Everything that waits, taken out in no particular order.
    pub fn take_all(&mut self) -> Vec<T> {
        self.heads.clear();
        let groups = std::mem::take(&mut self.groups);
        groups.into_values().flat_map(Waiting::into_items).collect()
    }

    /// The group to cut from.
    fn first_ripe(&self, now: Instant) -> Option<&Group> {
        let in_order = || self.heads.values().find(|head| self.is_ripe(head, now));
        let head = match self.has_levels() {
            // Who came first has waited longest.
            false => in_order(),
            true => self.first_starved(now).or_else(in_order),
        };
        head.map(|head| &head.group)
    }

    /// The oldest of those that have waited too long and are ripe.
    fn first_starved(&self, now: Instant) -> Option<&Head> {
        let of_level = |(first, _): (&Ticket, &Head)| {
            let level = self.heads.range(first..).take_while(|(ticket, head)| {
                let waited = now.saturating_duration_since(head.arrived);
                ticket.priority == first.priority && waited >= self.policy.longest_wait
            });
            level.into_iter().find(|(_, head)| self.is_ripe(head, now))
        };
        let starved = self.levels().filter_map(of_level);
        starved.min_by_key(|(ticket, _)| ticket.number).map(|(_, head)| head)
    }

    fn is_ripe(&self, head: &Head, now: Instant) -> bool {
        let window = self.policy.window;
        let has_waited = |since: Instant| now.saturating_duration_since(since) >= window;
        let is_ripe = |group: &Waiting<T>| {
            group.first_arrival().is_some_and(has_waited) || group.is_full(now)
        };
        has_waited(head.arrived) || self.groups.get(&head.group).is_some_and(is_ripe)
    }

    /// Whether requests of more than one priority wait.
    fn has_levels(&self) -> bool {
        let priority = |head: Option<(&Ticket, _)>| head.map(|(ticket, _)| ticket.priority);
        priority(self.heads.first_key_value()) != priority(self.heads.last_key_value())
    }

    /// The first request of every priority of which any waits.
    fn levels(&self) -> impl Iterator<Item = (&Ticket, &Head)> {
        let next = |(ticket, _): &(&Ticket, _)| {
            let end_of_level = Ticket { number: u64::MAX, ..**ticket };
            self.heads.range((Bound::Excluded(end_of_level), Bound::Unbounded)).next()
        };
        std::iter::successors(self.heads.first_key_value(), next)
    }

    /// Restores the invariants after `group` lost requests.
    fn put_back(&mut self, key: Group, mut group: Waiting<T>) {
        group.changed_heads(|was, is| {
            self.heads.remove(&was);
            if let Some((ticket, arrived)) = is {
                self.heads.insert(ticket, Head { group: key.clone(), arrived });
            }
        });
        if !group.is_empty() {
            self.groups.insert(key, group);
        }
    }
}

#[cfg(test)]
mod tests;
