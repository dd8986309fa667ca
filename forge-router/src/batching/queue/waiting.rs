//! The requests of one group that wait, by priority.

use std::collections::VecDeque;
use std::time::Instant;

use super::{Entry, SplitRows, Ticket};
use crate::batching::Priority;

/// A group's requests; at least one, but while its caller takes some out.
#[derive(Debug)]
pub(super) struct Waiting<T> {
    /// The most rows of this shape that a frame and `max_batch_size` allow; at least 1.
    rows_limit: u32,
    rows: u64,
    /// The highest priority first.
    levels: Vec<Level<T>>,
}

/// The requests of one priority, each with the number of its ticket.
#[derive(Debug)]
struct Level<T> {
    priority: Priority,
    /// The number of its first request as the queue knows it.
    head: u64,
    waiting: VecDeque<(u64, Entry<T>)>,
}

/// What was taken from the front of a group.
#[derive(Debug)]
pub(super) struct Taken<T> {
    pub(super) entries: Vec<Entry<T>>,
    pub(super) rows: u32,
    /// Requests of which nothing waits any more.
    pub(super) left: usize,
}

impl<T: SplitRows> Waiting<T> {
    pub(super) fn new(rows_limit: u32, ticket: Ticket, entry: Entry<T>) -> Self {
        let rows = u64::from(entry.rows);
        Self { rows_limit: rows_limit.max(1), rows, levels: vec![Level::new(ticket, entry)] }
    }

    /// Whether it is now the first of its priority.
    pub(super) fn push(&mut self, ticket: Ticket, entry: Entry<T>) -> bool {
        self.rows += u64::from(entry.rows);
        match self.find(ticket.priority) {
            Ok(place) => {
                self.levels[place].waiting.push_back((ticket.number, entry));
                false
            }
            Err(place) => {
                self.levels.insert(place, Level::new(ticket, entry));
                true
            }
        }
    }

    pub(super) fn remove(&mut self, ticket: Ticket) -> Option<Entry<T>> {
        let place = self.find(ticket.priority).ok()?;
        let waiting = &mut self.levels[place].waiting;
        let index = waiting.binary_search_by_key(&ticket.number, |(number, _)| *number).ok()?;
        let (_, entry) = waiting.remove(index)?;
        self.rows -= u64::from(entry.rows);
        Some(entry)
    }

    /// When the request came that waits longest.
    pub(super) fn first_arrival(&self) -> Option<Instant> {
        let first = |level: &Level<T>| level.waiting.front().map(|(_, entry)| entry.timing.arrived);
        self.levels.iter().filter_map(first).min()
    }

    /// Whether those that have not expired fill a batch.
    pub(super) fn is_full(&self, now: Instant) -> bool {
        let limit = u64::from(self.rows_limit);
        if self.rows < limit {
            return false;
        }
        let mut rows = 0;
        let entries = self.levels.iter().flat_map(|level| &level.waiting);
        entries.filter(|(_, entry)| entry.timing.deadline > now).any(|(_, entry)| {
            rows += u64::from(entry.rows);
            rows >= limit
        })
    }

    /// Takes requests in their order while they fit; the expired ones do not count. Who came at
    /// `starved_since` or before goes first.
    pub(super) fn take(
        &mut self,
        now: Instant,
        starved_since: Option<Instant>,
        expired: &mut Vec<T>,
    ) -> Taken<T> {
        let limit = self.rows_limit;
        let waiting = self.levels.iter().map(|level| level.waiting.len()).sum::<usize>();
        let most = waiting.min(usize::try_from(limit).unwrap_or(usize::MAX));
        let mut taken = Taken { entries: Vec::with_capacity(most), rows: 0, left: 0 };
        while taken.rows < limit
            && let Some(level) = self.next_level(starved_since)
        {
            let Some((number, entry)) = level.waiting.pop_front() else { break };
            if entry.timing.deadline <= now {
                self.rows -= u64::from(entry.rows);
                expired.push(entry.item);
                continue;
            }
            // A request that does not fit beside the others waits for the next batch.
            let rows = entry.rows.min(limit);
            if rows > limit - taken.rows {
                level.waiting.push_front((number, entry));
                break;
            }
            if entry.rows > rows {
                let Entry { rows: all, timing, item } = entry;
                let (first, rest) = item.split_rows(rows);
                let rest = Entry { rows: all - rows, timing, item: rest };
                level.waiting.push_front((number, rest));
                taken.entries.push(Entry { rows, timing, item: first });
            } else {
                taken.entries.push(entry);
                taken.left += 1;
            }
            self.rows -= u64::from(rows);
            taken.rows += rows;
        }
        taken
    }

    /// Tells each level whose first request is no longer `head`: the ticket that was and, where any
    /// is left, the one that is. Levels without requests are gone then.
    pub(super) fn changed_heads(
        &mut self,
        mut tell: impl FnMut(Ticket, Option<(Ticket, Instant)>),
    ) {
        self.levels.retain_mut(|level| {
            let ticket = |number| Ticket { priority: level.priority, number };
            let was = level.head;
            match level.waiting.front() {
                Some((number, _)) if *number == was => {}
                Some((number, entry)) => {
                    tell(ticket(was), Some((ticket(*number), entry.timing.arrived)));
                    level.head = *number;
                }
                None => tell(ticket(was), None),
            }
            !level.waiting.is_empty()
        });
    }

    /// The first request of each level.
    #[cfg(test)]
    pub(super) fn heads(&self) -> impl Iterator<Item = (Ticket, Instant)> {
        self.levels.iter().map(|level| {
            let (number, entry) = level.waiting.front().expect("no level is empty");
            (Ticket { priority: level.priority, number: *number }, entry.timing.arrived)
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.levels.is_empty()
    }

    pub(super) fn into_items(self) -> impl Iterator<Item = T> {
        self.levels.into_iter().flat_map(|level| level.waiting).map(|(_, entry)| entry.item)
    }

    /// The level whose first request is the next.
    fn next_level(&mut self, starved_since: Option<Instant>) -> Option<&mut Level<T>> {
        if let [only] = self.levels.as_slice() {
            return (!only.waiting.is_empty()).then(|| &mut self.levels[0]);
        }
        let starved = |level: &Level<T>| {
            let (number, entry) = level.waiting.front()?;
            (entry.timing.arrived <= starved_since?).then_some(*number)
        };
        let first_starved = (0..self.levels.len())
            .filter_map(|place| Some((starved(&self.levels[place])?, place)))
            .min()
            .map(|(_, place)| place);
        let place = first_starved
            .or_else(|| self.levels.iter().position(|level| !level.waiting.is_empty()))?;
        self.levels.get_mut(place)
    }

    fn find(&self, priority: Priority) -> Result<usize, usize> {
        self.levels.binary_search_by_key(&priority, |level| level.priority)
    }
}

impl<T> Level<T> {
    fn new(ticket: Ticket, entry: Entry<T>) -> Self {
        let waiting = VecDeque::from([(ticket.number, entry)]);
        Self { priority: ticket.priority, head: ticket.number, waiting }
    }
}
