//! How much memory can be taken before the kernel starts to kill.
//!
//! `fallocate` of more than there is does not fail: it calls the OOM killer, which takes
//! bystanders. So whoever makes a region asks here first.

use std::fs;
use std::path::Path;

use super::cgroup::{self, Group, Interface};

/// Bytes that can be had now: what the machine has available, or less where a control group allows
/// less. `None` where `/proc` does not tell.
pub fn available() -> Option<u64> {
    let machine = parse_available(&fs::read_to_string("/proc/meminfo").ok()?)?;
    let groups = cgroup::groups("memory");
    Some(least_headroom(&groups, cgroup::read).map_or(machine, |rest| rest.min(machine)))
}

/// What a process holds of the memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its own: heap and stacks.
    pub anonymous: u64,
    /// Shared with others, as the regions are.
    pub shared: u64,
}

/// What the process of that number holds; `None` where there is none.
pub fn of_process(pid: u32) -> Option<Held> {
    parse_status(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?)
}

/// `RssAnon` and `RssShmem` of `/proc/PID/status`.
fn parse_status(status: &str) -> Option<Held> {
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        number(line.trim().strip_suffix("kB")?)?.checked_mul(1024)
    };
    Some(Held { anonymous: bytes("RssAnon:")?, shared: bytes("RssShmem:")? })
}

/// The least that any of the groups has left; `None` where none has a limit.
fn least_headroom(groups: &[Group], read: impl Fn(&Path) -> Option<String>) -> Option<u64> {
    let headroom = |group: &Group| {
        let files = files(group.interface);
        let read = |file: &str| read(&group.directory.join(file));
        // Version 2 says "max" where there is no limit, which is no number.
        let limit: u64 = number(&read(files.limit)?)?;
        let used = number(&read(files.used)?)?;
        let stat = read("memory.stat").unwrap_or_default();
        // Cached file pages that nobody used lately are counted as used, but are given up first.
        let reclaimable = field(&stat, files.reclaimable).unwrap_or(0);
        Some(limit.saturating_sub(used.saturating_sub(reclaimable)))
    };
    groups.iter().filter_map(headroom).min()
}

/// The names of what one interface calls otherwise than the other.
struct Files {
    limit: &'static str,
    used: &'static str,
    /// The line of `memory.stat` that counts the groups below, too.
    reclaimable: &'static str,
}

fn files(interface: Interface) -> Files {
    match interface {
        Interface::V1 => Files {
            limit: "memory.limit_in_bytes",
            used: "memory.usage_in_bytes",
            reclaimable: "total_inactive_file",
        },
        Interface::V2 => {
            Files { limit: "memory.max", used: "memory.current", reclaimable: "inactive_file" }
        }
    }
}

/// `MemAvailable` of `/proc/meminfo`, in bytes.
fn parse_available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    number(line.trim().strip_suffix("kB")?)?.checked_mul(1024)
}

/// The number after `name` on a line of its own.
fn field(stat: &str, name: &str) -> Option<u64> {
    stat.lines().find_map(|line| number(line.strip_prefix(name)?.strip_prefix(' ')?))
}

fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_available_is_read_in_kibibytes() {
        let meminfo = "MemTotal:       24684092 kB\nMemFree:  1 kB\nMemAvailable:   23151304 kB\n";
        for (text, bytes) in [
            (meminfo, Some(23_151_304 * 1024)),
            ("MemTotal: 1 kB\n", None),
            ("MemAvailable: x kB", None),
            ("MemAvailable: 18446744073709551615 kB", None),
            ("", None),
        ] {
            assert_eq!(parse_available(text), bytes);
        }
    }

    #[test]
    fn what_a_process_holds_is_read_in_kibibytes() {
        let status = "VmRSS:\t  30 kB\nRssAnon:\t  20 kB\nRssFile:\t 8 kB\nRssShmem:\t  2 kB\n";
        let held = Held { anonymous: 20 * 1024, shared: 2 * 1024 };
        assert_eq!(parse_status(status), Some(held));
        // A zombie has no memory, and no such lines.
        assert_eq!(parse_status("State: Z (zombie)\n"), None);
        assert!(of_process(std::process::id()).is_some_and(|held| held.anonymous > 0));
    }

    /// `(limit, used, reclaimable, what is left)` of one group.
    #[test]
    fn what_is_left_counts_cache_as_free() {
        for (limit, used, stat, left) in [
            ("1000\n", "400\n", "anon 300\ninactive_file 100\nactive_file 7\n", Some(700)),
            ("1000", "400", "", Some(600)),
            ("1000", "1200", "inactive_file 50", Some(0)),
            ("1000", "100", "inactive_file 500", Some(1000)),
            ("max", "400", "inactive_file 100", None),
        ] {
            let read = |path: &Path| {
                let text = match path.to_str()? {
                    "/g/memory.max" => limit,
                    "/g/memory.current" => used,
                    "/g/memory.stat" => stat,
                    _ => return None,
                };
                Some(text.to_owned())
            };
            let group = Group { interface: Interface::V2, directory: "/g".into() };
            assert_eq!(least_headroom(&[group], read), left, "{limit} {used}");
        }
    }

    #[test]
    fn the_level_with_the_least_left_holds() {
        let group = |interface, directory: &str| Group { interface, directory: directory.into() };
        let groups = [group(Interface::V1, "/one/job"), group(Interface::V1, "/one")];
        let read = |path: &Path| {
            let text = match path.to_str()? {
                "/one/job/memory.limit_in_bytes" => "9223372036854771712",
                "/one/job/memory.usage_in_bytes" => "10",
                "/one/memory.limit_in_bytes" => "100",
                "/one/memory.usage_in_bytes" => "70",
                "/one/memory.stat" => "inactive_file 1\ntotal_inactive_file 20",
                _ => return None,
            };
            Some(text.to_owned())
        };
        assert_eq!(least_headroom(&groups, read), Some(50));
        assert_eq!(least_headroom(&[], read), None);
    }

    #[test]
    fn this_machine_has_memory() {
        assert!(available().is_some_and(|bytes| bytes > 0));
    }
}
