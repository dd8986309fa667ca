//! The requests of one version that wait for a worker, and how a batch is cut from them.
//!
//! Requests whose tensors agree in dtype and shape, and whose other arguments are equal, form a
//! **group**; only they can share a batch.
//! *Reserve, then cut*: the caller cuts only when a worker has room, so an idle model answers at
//! once and batches grow with load, without a timer. With a window, a group that is not full waits
//! until the window since its **first** request has passed.
//!
//! ```text
//! groups   (float32 [128])  -> 3, 5, 6        by_age   3 -> (float32 [128])
//!          (float32 [64])   -> 4                       4 -> (float32 [64])
//! ```
//!
//! Invariants: no group is empty; `by_age` holds the first ticket of every group and nothing else;
//! tickets only grow, so each group is sorted.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::{Group, Priority};
use crate::tensor::{TensorMeta, batch_bytes};

/// The place of a request in the queue; later requests have larger ones.
pub type Ticket = u64;

/// When a request came, when its answer is no longer wanted, and who goes before it.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    pub arrived: Instant,
    pub deadline: Instant,
    pub priority: Priority,
}

/// One request that waits.
#[derive(Debug)]
pub struct Entry<T> {
    pub rows: u32,
    pub timing: Timing,
    pub item: T,
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
    /// Requests whose deadline had passed; they are answered, not run.
    pub expired: Vec<T>,
}

/// The queue of one version.
#[derive(Debug)]
pub struct Queue<T> {
    max_rows: u32,
    window: Duration,
    next_ticket: Ticket,
    groups: HashMap<Group, Waiting<T>>,
    by_age: BTreeMap<Ticket, Group>,
}

#[derive(Debug)]
struct Waiting<T> {
    /// The most rows of this shape that a frame and `max_batch_size` allow.
    rows_limit: u32,
    rows: u64,
    waiting: VecDeque<(Ticket, Entry<T>)>,
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

impl<T> Queue<T> {
    pub fn new(max_rows: u32, window: Duration) -> Self {
        Self { max_rows, window, next_ticket: 0, groups: HashMap::new(), by_age: BTreeMap::new() }
    }

    /// Adds a request of this group. `rows_limit` is what [`rows_that_fit`] gave
    /// for its row and is at least the request's rows.
    pub fn push(&mut self, key: &Group, rows_limit: u32, entry: Entry<T>) -> Ticket {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        if let Some(group) = self.groups.get_mut(key) {
            group.rows += u64::from(entry.rows);
            group.waiting.push_back((ticket, entry));
            return ticket;
        }
        self.by_age.insert(ticket, key.clone());
        let group = Waiting {
            rows_limit: rows_limit.min(self.max_rows),
            rows: u64::from(entry.rows),
            waiting: VecDeque::from([(ticket, entry)]),
        };
        self.groups.insert(key.clone(), group);
        ticket
    }

    /// Takes a request back, because nobody waits for it any more; `None` once it was cut.
    pub fn remove(&mut self, key: &Group, ticket: Ticket) -> Option<Entry<T>> {
        let (key, mut group) = self.groups.remove_entry(key)?;
        let oldest = group.oldest();
        let place = group.waiting.binary_search_by_key(&ticket, |(held, _)| *held);
        let removed = place.ok().and_then(|index| group.waiting.remove(index));
        if let Some((_, entry)) = &removed {
            group.rows -= u64::from(entry.rows);
        }
        self.put_back(key, group, oldest);
        removed.map(|(_, entry)| entry)
    }

    /// Cuts the next batch: from the ripe group whose first request is the oldest.
    pub fn cut(&mut self, now: Instant) -> Cut<T> {
        let mut expired = Vec::new();
        while let Some(key) = self.ripe(now) {
            let Some((key, mut group)) = self.groups.remove_entry(&key) else { break };
            let oldest = group.oldest();
            let (entries, rows) = group.take(now, &mut expired);
            self.put_back(key.clone(), group, oldest);
            if !entries.is_empty() {
                return Cut { batch: Some(Batch { group: key, rows, entries }), expired };
            }
        }
        Cut { batch: None, expired }
    }

    /// When the next group becomes ripe by the window alone; `None` where nothing waits for it.
    pub fn next_ripe(&self) -> Option<Instant> {
        if self.window.is_zero() {
            return None;
        }
        let (_, key) = self.by_age.first_key_value()?;
        self.groups.get(key)?.first_arrival().map(|arrived| arrived + self.window)
    }

    /// Everything that waits, taken out in no particular order.
    pub fn take_all(&mut self) -> Vec<T> {
        self.by_age.clear();
        let groups = std::mem::take(&mut self.groups);
        groups.into_values().flat_map(|group| group.waiting).map(|(_, entry)| entry.item).collect()
    }

    /// The group to cut from. Groups are looked at from the oldest; the window is the same for
    /// all, so once one is too young only a full one can be ripe.
    fn ripe(&self, now: Instant) -> Option<Group> {
        self.by_age.values().find_map(|key| {
            let group = self.groups.get(key)?;
            let waited = now.saturating_duration_since(group.first_arrival()?);
            let is_full = group.rows >= u64::from(group.rows_limit);
            (waited >= self.window || is_full).then(|| key.clone())
        })
    }

    /// Restores the invariants after `group` lost requests; `was_oldest` is its first ticket then.
    fn put_back(&mut self, key: Group, group: Waiting<T>, was_oldest: Option<Ticket>) {
        let oldest = group.oldest();
        if oldest != was_oldest {
            if let Some(ticket) = was_oldest {
                self.by_age.remove(&ticket);
            }
            if let Some(ticket) = oldest {
                self.by_age.insert(ticket, key.clone());
            }
        }
        if oldest.is_some() {
            self.groups.insert(key, group);
        }
    }
}

impl<T> Waiting<T> {
    fn oldest(&self) -> Option<Ticket> {
        self.waiting.front().map(|(ticket, _)| *ticket)
    }

    fn first_arrival(&self) -> Option<Instant> {
        self.waiting.front().map(|(_, entry)| entry.timing.arrived)
    }

    /// Takes requests from the front while they fit; the expired ones do not count.
    fn take(&mut self, now: Instant, expired: &mut Vec<T>) -> (Vec<Entry<T>>, u32) {
        let most = usize::try_from(self.rows_limit).unwrap_or(usize::MAX);
        let mut entries = Vec::with_capacity(self.waiting.len().min(most));
        let mut rows = 0;
        while let Some((_, entry)) = self.waiting.front() {
            let is_expired = entry.timing.deadline <= now;
            // A request is never torn: one that does not fit beside the others waits. Alone it is
            // taken whatever its size, which admission has checked.
            if !is_expired && rows > 0 && rows + entry.rows > self.rows_limit {
                break;
            }
            let Some((_, entry)) = self.waiting.pop_front() else { break };
            self.rows -= u64::from(entry.rows);
            if is_expired {
                expired.push(entry.item);
            } else {
                rows += entry.rows;
                entries.push(entry);
            }
        }
        (entries, rows)
    }
}

#[cfg(test)]
mod tests;
