//! Where this process's control groups are, and what they say.
//!
//! A limit set anywhere between the process's own group and the root of what is mounted holds, so
//! every level is asked. `/proc/self/cgroup` tells the process's path in each hierarchy,
//! `/proc/self/mountinfo` where the hierarchies are mounted and with which part of them as root
//! (cgroups(7), proc_pid_mountinfo(5)). Machines with both versions mounted exist: each is asked.

use std::fs;
use std::path::{Path, PathBuf};

/// The two interfaces of control groups; their files have different names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interface {
    V1,
    V2,
}

/// One directory of a control group that this process is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) interface: Interface,
    pub(super) directory: PathBuf,
}

/// This process's groups that `controller` ("cpu", "memory") may have limits for, innermost first.
/// Empty where nothing of the kind is mounted.
pub(super) fn groups(controller: &str) -> Vec<Group> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    locate(&read("/proc/self/cgroup"), &read("/proc/self/mountinfo"), controller)
}

/// The text of a file; `None` where the group has no such file.
pub(super) fn read(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// The pure half of [`groups`].
fn locate(cgroup: &str, mountinfo: &str, controller: &str) -> Vec<Group> {
    let mounts: Vec<Mount<'_>> =
        mountinfo.lines().filter_map(|line| Mount::parse(line, controller)).collect();
    let mut groups = Vec::new();
    for mount in mounts {
        let Some(path) = path_in(cgroup, mount.interface, controller) else { continue };
        // A path outside of what is mounted, as a container may see it, leaves the mount itself.
        let below = Path::new(path).strip_prefix(mount.root).unwrap_or(Path::new(""));
        let innermost = match path.contains("/..") {
            true => mount.point.clone(),
            false => mount.point.join(below),
        };
        for directory in innermost.ancestors().take_while(|at| at.starts_with(&mount.point)) {
            // Joining an empty path leaves a trailing slash, which means nothing.
            let directory = directory.components().collect();
            groups.push(Group { interface: mount.interface, directory });
        }
    }
    groups
}

/// A mounted hierarchy.
struct Mount<'a> {
    interface: Interface,
    /// The group that is the root of the mount.
    root: &'a str,
    point: PathBuf,
}

impl<'a> Mount<'a> {
    /// `None` for a mount of anything else.
    fn parse(line: &'a str, controller: &str) -> Option<Self> {
        let (fields, filesystem) = line.split_once(" - ")?;
        let mut fields = fields.split(' ').skip(3);
        let (root, point) = (fields.next()?, unescape(fields.next()?));
        let mut filesystem = filesystem.split(' ');
        let kind = filesystem.next()?;
        let mut options = filesystem.nth(1).unwrap_or_default().split(',');
        let interface = match kind {
            "cgroup2" => Interface::V2,
            "cgroup" if options.any(|option| option == controller) => Interface::V1,
            _ => return None,
        };
        Some(Self { interface, root, point })
    }
}

/// The process's path in the hierarchy: `ID:CONTROLLERS:PATH`, for version 2 `0::PATH`.
fn path_in<'a>(cgroup: &'a str, interface: Interface, controller: &str) -> Option<&'a str> {
    cgroup.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?);
        let is_it = match interface {
            Interface::V1 => controllers.split(',').any(|one| one == controller),
            Interface::V2 => controllers.is_empty(),
        };
        is_it.then_some(path)
    })
}

/// Spaces in mount points are written as octal escapes.
fn unescape(path: &str) -> PathBuf {
    path.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const V2: &str = "29 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate";
    const V1: &str = "33 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n\
                      34 30 0:29 / /sys/fs/cgroup/memory rw shared:10 - cgroup cgroup rw,memory\n\
                      35 30 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw";

    fn directories(cgroup: &str, mountinfo: &str, controller: &str) -> Vec<(Interface, String)> {
        let groups = locate(cgroup, mountinfo, controller);
        groups
            .into_iter()
            .map(|group| (group.interface, group.directory.display().to_string()))
            .collect()
    }

    #[test]
    fn every_level_up_to_the_mount_is_a_group() {
        use Interface::V2 as Two;
        assert_eq!(
            directories("0::/user.slice/forge.service\n", V2, "memory"),
            [
                (Two, "/sys/fs/cgroup/user.slice/forge.service".to_owned()),
                (Two, "/sys/fs/cgroup/user.slice".to_owned()),
                (Two, "/sys/fs/cgroup".to_owned()),
            ]
        );
    }

    #[test]
    fn both_interfaces_are_asked_where_both_are_mounted() {
        let cgroup = "4:memory:/job\n2:cpu,cpuacct:/\n0::/job\n";
        assert_eq!(
            directories(cgroup, V1, "memory"),
            [
                (Interface::V1, "/sys/fs/cgroup/memory/job".to_owned()),
                (Interface::V1, "/sys/fs/cgroup/memory".to_owned()),
                (Interface::V2, "/sys/fs/cgroup/unified/job".to_owned()),
                (Interface::V2, "/sys/fs/cgroup/unified".to_owned()),
            ]
        );
        let cpu = directories(cgroup, V1, "cpu");
        assert_eq!(cpu[0], (Interface::V1, "/sys/fs/cgroup/cpu,cpuacct".to_owned()));
    }

    #[test]
    fn a_container_sees_its_own_group_at_the_mount() {
        let docker = "29 23 0:26 /docker/ab12 /sys/fs/cgroup ro - cgroup2 cgroup rw";
        for (cgroup, mountinfo) in [
            ("0::/docker/ab12", docker),
            ("0::/", V2),
            ("0::/../../outside", V2),
            ("0::/elsewhere", docker),
        ] {
            let found = directories(cgroup, mountinfo, "memory");
            assert_eq!(found, [(Interface::V2, "/sys/fs/cgroup".to_owned())], "{cgroup}");
        }
        let inner = directories("0::/docker/ab12/job", docker, "memory");
        assert_eq!(inner[0].1, "/sys/fs/cgroup/job");
    }

    #[test]
    fn without_control_groups_there_are_none() {
        for (cgroup, mountinfo) in [("", ""), ("0::/", ""), ("", V2), ("garbage", "garbage - x")] {
            assert_eq!(directories(cgroup, mountinfo, "memory"), []);
        }
    }
}
