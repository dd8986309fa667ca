//! Lists of CPUs as Linux writes them: `0-3,6`.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

/// CPU numbers a process can be pinned to (`CPU_SETSIZE` of the C library).
const MAX_CPUS: usize = 1024;

/// The CPUs of a list, in order and each once; `None` where it is no list.
pub(super) fn parse(list: &str) -> Option<Vec<usize>> {
    let mut cpus = BTreeSet::new();
    for part in list.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (number(first)?, number(last)?);
        if first > last {
            return None;
        }
        cpus.extend(first..=last);
    }
    Some(cpus.into_iter().collect())
}

/// The shortest list of these CPUs, which are in order.
pub(super) fn format(cpus: &[usize]) -> String {
    let runs = cpus.chunk_by(|one, next| one + 1 == *next);
    let shown = runs.map(|run| match run {
        [only] => only.to_string(),
        [first, .., last] => format!("{first}-{last}"),
        // `chunk_by` yields no empty run.
        [] => String::new(),
    });
    shown.collect::<Vec<_>>().join(",")
}

/// Parts of neighbours, as equal as can be; the first ones get what is left over. Some are empty
/// where there are fewer CPUs than parts.
pub(super) fn split(cpus: &[usize], parts: NonZeroUsize) -> Vec<Vec<usize>> {
    let (each, extra) = (cpus.len() / parts, cpus.len() % parts);
    let start = |part: usize| part * each + part.min(extra);
    (0..parts.get()).map(|part| cpus[start(part)..start(part + 1)].to_vec()).collect()
}

fn number(digits: &str) -> Option<usize> {
    let digits = digits.trim();
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|number| is_number && *number < MAX_CPUS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_written_as_linux_writes_them() {
        for (list, cpus, shortest) in [
            ("0", vec![0], "0"),
            ("0-3", vec![0, 1, 2, 3], "0-3"),
            ("0,2-3", vec![0, 2, 3], "0,2-3"),
            ("3, 1 ,2", vec![1, 2, 3], "1-3"),
            ("1-2,2-4", vec![1, 2, 3, 4], "1-4"),
            ("5-5", vec![5], "5"),
            ("1023", vec![1023], "1023"),
        ] {
            assert_eq!(parse(list), Some(cpus.clone()), "{list}");
            assert_eq!(format(&cpus), shortest);
        }
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for list in ["", ",", "a", "0-", "-1", "3-1", "0,,1", "1024", "0-99999999999", "+1", "0 1"]
        {
            assert_eq!(parse(list), None, "{list:?}");
        }
    }

    #[test]
    fn workers_get_neighbours_and_the_first_what_is_left_over() {
        for (cpus, parts, expected) in [
            (vec![0, 1, 2, 3], 2, vec![vec![0, 1], vec![2, 3]]),
            (vec![0, 2, 3, 5, 7], 2, vec![vec![0, 2, 3], vec![5, 7]]),
            (vec![0, 1], 3, vec![vec![0], vec![1], vec![]]),
            (vec![4], 1, vec![vec![4]]),
        ] {
            assert_eq!(split(&cpus, NonZeroUsize::new(parts).unwrap()), expected);
        }
    }
}
