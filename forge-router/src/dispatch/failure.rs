//! What the failure of a batch means for the requests in it. Pure.

use forge_ipc::FailureKind;

use crate::batching::{Batch, Entry, SplitRows};
use crate::request::RequestError;

/// What happens to the requests of a failed batch.
#[derive(Debug)]
pub enum Verdict<T> {
    /// Run both halves again: only a request that fails alone is to blame.
    RunHalves([Batch<T>; 2]),
    /// Answer every request with this.
    Answer(Batch<T>, RequestError),
}

/// Judges a batch that failed as a whole.
///
/// A model that throws, memory that runs out and an output that does not fit may each be due to a
/// few of the requests or to their number, so the batch is halved until one request is alone. Where the
/// rows of that one are too many, it is halved too; a model that throws at one of them fails it
/// anyway. An output of the wrong shape is the model's and the same for all.
pub fn judge<T: SplitRows>(
    batch: Batch<T>,
    kind: FailureKind,
    message: String,
    model: &str,
) -> Verdict<T> {
    let (halves_requests, halves_rows) = match kind {
        FailureKind::Threw => (true, false),
        FailureKind::OutOfMemory | FailureKind::OutputTooLarge => (true, true),
        FailureKind::OutputShape | FailureKind::Engine => (false, false),
    };
    let halves = match batch.entries.as_slice() {
        [only] => halves_rows && only.rows > 1,
        _ => halves_requests,
    };
    if halves {
        return Verdict::RunHalves(halve(batch));
    }
    let error = match kind {
        FailureKind::Threw | FailureKind::Engine => RequestError::ModelThrew(message),
        FailureKind::OutOfMemory => RequestError::OutOfMemory(message),
        FailureKind::OutputShape => RequestError::OutputShape(message),
        FailureKind::OutputTooLarge => {
            RequestError::OutputTooLarge { model: model.to_owned(), cause: message }
        }
    };
    Verdict::Answer(batch, error)
}

fn halve<T: SplitRows>(batch: Batch<T>) -> [Batch<T>; 2] {
    let Batch { group, rows: _, mut entries } = batch;
    let second = entries.split_off(entries.len() / 2);
    let halves = match (entries.is_empty(), second) {
        (true, only) => halve_rows(only),
        (false, second) => [entries, second],
    };
    halves.map(|entries| Batch { group: group.clone(), rows: rows(&entries), entries })
}

/// Of one request with at least two rows.
fn halve_rows<T: SplitRows>(only: Vec<Entry<T>>) -> [Vec<Entry<T>>; 2] {
    let mut halves = [Vec::new(), Vec::new()];
    for Entry { rows, timing, item } in only {
        let half = rows / 2;
        let (first, second) = item.split_rows(half);
        halves[0].push(Entry { rows: half, timing, item: first });
        halves[1].push(Entry { rows: rows - half, timing, item: second });
    }
    halves
}

fn rows<T>(entries: &[Entry<T>]) -> u32 {
    entries.iter().map(|entry| entry.rows).sum()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::batching::{Group, Priority, Timing};

    /// Its parts are all it.
    impl SplitRows for usize {
        fn split_rows(self, _: u32) -> (Self, Self) {
            (self, self)
        }
    }

    fn entry(rows: u32, item: usize) -> Entry<usize> {
        let now = Instant::now();
        let timing = Timing { arrived: now, deadline: now, priority: Priority::HIGHEST };
        Entry { rows, timing, item }
    }

    fn batch(of: usize) -> Batch<usize> {
        let entries = (0..of).map(|item| entry(1, item)).collect();
        Batch { group: Group::of_tensors([]), rows: of as u32, entries }
    }

    fn one_of_rows(rows: u32) -> Batch<usize> {
        Batch { group: Group::of_tensors([]), rows, entries: vec![entry(rows, 7)] }
    }

    /// Runs the verdicts to their end with a model that fails when `culprit` is in the batch.
    fn blamed(of: usize, culprit: usize) -> (Vec<usize>, usize) {
        let (mut to_run, mut blamed, mut runs) = (vec![batch(of)], vec![], 0);
        while let Some(next) = to_run.pop() {
            runs += 1;
            if !next.entries.iter().any(|entry| entry.item == culprit) {
                continue;
            }
            match judge(next, FailureKind::Threw, "no".into(), "m") {
                Verdict::RunHalves(halves) => to_run.extend(halves),
                Verdict::Answer(batch, _) => blamed.extend(batch.entries.iter().map(|e| e.item)),
            }
        }
        (blamed, runs)
    }

    #[test]
    fn only_the_culprit_is_blamed_after_few_runs() {
        for of in [1, 2, 3, 7, 32] {
            for culprit in 0..of {
                let (blamed, runs) = blamed(of, culprit);
                assert_eq!(blamed, [culprit], "of {of}");
                assert!(runs <= 11, "{runs} runs for {of}");
            }
        }
    }

    #[test]
    fn an_output_of_the_wrong_shape_is_answered_to_all_at_once() {
        let verdict = judge(batch(8), FailureKind::OutputShape, "output 0 has …".into(), "m");
        let Verdict::Answer(batch, RequestError::OutputShape(_)) = verdict else { panic!() };
        assert_eq!(batch.entries.len(), 8);
    }

    #[test]
    fn out_of_memory_halves_and_blames_the_model_of_nobody() {
        let halves = judge(batch(3), FailureKind::OutOfMemory, "oom".into(), "m");
        let Verdict::RunHalves([first, second]) = halves else { panic!() };
        assert_eq!((first.rows, second.rows), (1, 2));
        let alone = judge(batch(1), FailureKind::OutOfMemory, "oom".into(), "m");
        assert!(matches!(alone, Verdict::Answer(_, RequestError::OutOfMemory(_))));
    }

    #[test]
    fn a_request_of_too_many_rows_for_the_memory_is_halved_down_to_one() {
        for kind in [FailureKind::OutOfMemory, FailureKind::OutputTooLarge] {
            let (mut to_run, mut failed) = (vec![one_of_rows(7)], 0);
            while let Some(next) = to_run.pop() {
                match judge(next, kind, "oom".into(), "m") {
                    Verdict::RunHalves(halves) => to_run.extend(halves),
                    Verdict::Answer(batch, _) => {
                        assert_eq!(batch.rows, 1);
                        failed += 1;
                    }
                }
            }
            assert_eq!(failed, 7, "{kind:?}");
        }
    }

    #[test]
    fn a_request_that_throws_alone_is_answered_whatever_its_rows() {
        let verdict = judge(one_of_rows(7), FailureKind::Threw, "no".into(), "m");
        let Verdict::Answer(batch, RequestError::ModelThrew(_)) = verdict else { panic!() };
        assert_eq!(batch.rows, 7);
    }
}
