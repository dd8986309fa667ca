//! Which CPUs this process may use, and how much of their time.

use std::path::Path;

use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;

use super::cgroup::{self, Group, Interface};

/// The CPUs this process may run on, in order.
///
/// Where the kernel has more CPUs than a `CpuSet` holds it refuses to tell; then the first ones
/// are taken, as many as the standard library counts.
pub fn usable() -> Vec<usize> {
    match sched_getaffinity(Pid::from_raw(0)) {
        Ok(set) => (0..CpuSet::count()).filter(|cpu| set.is_set(*cpu).unwrap_or(false)).collect(),
        Err(_) => (0..std::thread::available_parallelism().map_or(1, usize::from)).collect(),
    }
}

/// The CPUs' worth of time the control groups allow; `None` where they do not bound it.
pub fn quota() -> Option<f64> {
    smallest(&cgroup::groups("cpu"), cgroup::read)
}

fn smallest(groups: &[Group], read: impl Fn(&Path) -> Option<String>) -> Option<f64> {
    let quota = |group: &Group| {
        let read = |file: &str| read(&group.directory.join(file));
        match group.interface {
            Interface::V2 => parse_max(&read("cpu.max")?),
            Interface::V1 => parse_cfs(&read("cpu.cfs_quota_us")?, &read("cpu.cfs_period_us")?),
        }
    };
    groups.iter().filter_map(quota).min_by(f64::total_cmp)
}

/// `cpu.max` is "QUOTA PERIOD" in microseconds; a quota of "max" bounds nothing.
fn parse_max(text: &str) -> Option<f64> {
    let (quota, period) = text.trim().split_once(' ')?;
    ratio(quota.parse().ok()?, period.parse().ok()?)
}

/// In microseconds; a quota of -1 bounds nothing.
fn parse_cfs(quota: &str, period: &str) -> Option<f64> {
    let quota: i64 = quota.trim().parse().ok()?;
    ratio(u64::try_from(quota).ok()?, period.trim().parse().ok()?)
}

fn ratio(quota: u64, period: u64) -> Option<f64> {
    // Both are far below 2^53.
    (period > 0).then(|| quota as f64 / period as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_of_both_interfaces_are_read() {
        for (text, quota) in [
            ("150000 100000\n", Some(1.5)),
            ("400000 100000", Some(4.0)),
            ("max 100000\n", None),
            ("100000 0", None),
            ("", None),
            ("x y", None),
        ] {
            assert_eq!(parse_max(text), quota, "{text:?}");
        }
        for (quota, period, expected) in [
            ("50000\n", "100000\n", Some(0.5)),
            ("-1\n", "100000\n", None),
            ("50000", "0", None),
            ("", "", None),
        ] {
            assert_eq!(parse_cfs(quota, period), expected);
        }
    }

    #[test]
    fn the_tightest_level_holds() {
        let group = |interface, directory: &str| Group { interface, directory: directory.into() };
        let groups = [
            group(Interface::V2, "/two/inner"),
            group(Interface::V2, "/two"),
            group(Interface::V1, "/one"),
        ];
        let read = |path: &Path| {
            let text = match path.to_str()? {
                "/two/inner/cpu.max" => "max 100000",
                "/two/cpu.max" => "300000 100000",
                "/one/cpu.cfs_quota_us" => "200000",
                "/one/cpu.cfs_period_us" => "100000",
                _ => return None,
            };
            Some(text.to_owned())
        };
        assert_eq!(smallest(&groups, read), Some(2.0));
        assert_eq!(smallest(&groups[..2], read), Some(3.0));
        assert_eq!(smallest(&groups[..1], read), None);
    }

    #[test]
    fn this_process_may_run_somewhere() {
        let usable = usable();
        assert!(!usable.is_empty());
        assert!(usable.is_sorted());
    }
}
