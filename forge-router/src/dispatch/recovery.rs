//! What becomes of the batches of a worker that has died. Pure.
//!
//! Only the batch that the worker had started is suspect; those that waited in its ring run again as
//! they are. The requests of the suspect batch run again each alone, so that one which kills its
//! worker shows: it is blamed where it ran alone and the death is one that a request can cause. Where
//! nobody can tell, it runs again behind others: were it the cause, nobody else would ever be answered.

use crate::batching::{Batch, Entry};

/// The batches a dead worker had not answered.
#[derive(Debug)]
pub struct Wreck<T> {
    /// The one it was running.
    pub started: Option<Batch<T>>,
    /// Those it had not begun, oldest first.
    pub waiting: Vec<Batch<T>>,
}

/// Whether a request can have caused a death.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspicion {
    /// A fault of the program (SIGSEGV, SIGBUS, SIGILL, SIGABRT, SIGFPE) or a batch that never ended.
    OnRequest,
    /// SIGKILL, of the OOM killer too, an exit, or a broken rule of the ring: nobody is blamed.
    OnNobody,
}

/// What to do with each of them.
#[derive(Debug)]
pub struct Recovery<T> {
    /// To be run before anything new, in this order.
    pub again: Vec<Batch<T>>,
    /// It ran alone, and its worker died of what nobody is blamed for: run when others had their turn.
    pub behind: Option<Batch<T>>,
    /// It ran alone and its worker died of it.
    pub blamed: Option<Entry<T>>,
    /// Not run again, because the config says so.
    pub lost: Vec<Entry<T>>,
}

/// Sorts what a dead worker left. `replays` is `retry_on_crash`.
pub fn recover<T>(wreck: Wreck<T>, suspicion: Suspicion, replays: bool) -> Recovery<T> {
    let mut recovery = Recovery { again: Vec::new(), behind: None, blamed: None, lost: Vec::new() };
    if let Some(Batch { group, rows, mut entries }) = wreck.started {
        let is_alone = entries.len() == 1;
        if is_alone && suspicion == Suspicion::OnRequest {
            recovery.blamed = entries.pop();
        } else if is_alone && replays {
            recovery.behind = Some(Batch { group, rows, entries });
        } else if replays {
            let alone = |entry: Entry<T>| Batch {
                group: group.clone(),
                rows: entry.rows,
                entries: vec![entry],
            };
            recovery.again.extend(entries.into_iter().map(alone));
        } else {
            recovery.lost = entries;
        }
    }
    recovery.again.extend(wreck.waiting);
    recovery
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::Suspicion::{OnNobody, OnRequest};
    use super::*;
    use crate::batching::{Group, Priority, Timing};

    fn batch(items: &[u32]) -> Batch<u32> {
        let now = Instant::now();
        let timing = Timing { arrived: now, deadline: now, priority: Priority::HIGHEST };
        let entries: Vec<_> =
            items.iter().map(|item| Entry { rows: 1, timing, item: *item }).collect();
        Batch { group: Group::of_tensors([]), rows: entries.len() as u32, entries }
    }

    fn items(batch: &Batch<u32>) -> Vec<u32> {
        batch.entries.iter().map(|entry| entry.item).collect()
    }

    /// The started batch and what comes of it: run again, run behind others, blamed, lost. 9 waited in
    /// the ring.
    #[test]
    fn the_table_of_what_becomes_of_a_started_batch_is_this() {
        let alone = |items: &[u32]| items.iter().map(|item| vec![*item]).collect::<Vec<_>>();
        for (started, suspicion, replays, again, behind, blamed, lost) in [
            (&[1, 2][..], OnRequest, true, alone(&[1, 2]), None, None, vec![]),
            (&[1, 2], OnNobody, true, alone(&[1, 2]), None, None, vec![]),
            (&[1], OnRequest, true, vec![], None, Some(1), vec![]),
            (&[1], OnNobody, true, vec![], Some(vec![1]), None, vec![]),
            (&[1, 2], OnRequest, false, vec![], None, None, vec![1, 2]),
            (&[1], OnRequest, false, vec![], None, Some(1), vec![]),
            (&[1], OnNobody, false, vec![], None, None, vec![1]),
        ] {
            let wreck = Wreck { started: Some(batch(started)), waiting: vec![batch(&[9, 9])] };
            let recovery = recover(wreck, suspicion, replays);
            let mut expected = again;
            expected.push(vec![9, 9]);
            let case = format!("{started:?} {suspicion:?} {replays}");
            assert_eq!(recovery.again.iter().map(items).collect::<Vec<_>>(), expected, "{case}");
            assert_eq!(recovery.behind.as_ref().map(items), behind, "{case}");
            assert_eq!(recovery.blamed.map(|entry| entry.item), blamed, "{case}");
            let lost_items: Vec<u32> = recovery.lost.iter().map(|entry| entry.item).collect();
            assert_eq!(lost_items, lost, "{case}");
        }
    }

    #[test]
    fn a_worker_that_had_started_nothing_leaves_nobody_under_suspicion() {
        let wreck = Wreck { started: None, waiting: vec![batch(&[1, 2]), batch(&[3])] };
        let recovery = recover(wreck, OnRequest, true);
        let again: Vec<_> = recovery.again.iter().map(items).collect();
        assert_eq!(again, [vec![1, 2], vec![3]]);
        assert!(recovery.blamed.is_none() && recovery.lost.is_empty());
    }
}
