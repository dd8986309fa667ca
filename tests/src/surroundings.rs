//! What the system around a Forge is like: its limits, its service manager, its container.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::skipped;

/// How its process is started.
#[derive(Debug, Default)]
pub(crate) struct Surroundings {
    pub(crate) open_files: Option<u32>,
    /// The directory of a control group.
    pub(crate) group: Option<PathBuf>,
    pub(crate) environment: Vec<(&'static str, String)>,
    pub(crate) socket: Option<OwnedFd>,
    pub(crate) is_container: bool,
    pub(crate) is_unprivileged: bool,
}

impl Surroundings {
    pub(crate) fn pass(&mut self, socket: &TcpListener) {
        self.socket = Some(socket.try_clone().expect("a copy of the socket").into());
    }

    /// The command that starts `program` in them.
    pub(crate) fn command(self, program: &Path) -> Command {
        let mut steps = Vec::new();
        if self.is_container {
            steps.push("mount -t tmpfs -o size=4k none /dev/shm &&".to_owned());
            steps.push("mount -o remount,bind,ro / &&".to_owned());
        }
        if let Some(group) = &self.group {
            steps.push(format!("echo $$ >'{}/cgroup.procs' &&", group.display()));
        }
        if let Some(limit) = self.open_files {
            steps.push(format!("ulimit -n {limit} &&"));
        }
        if self.socket.is_some() {
            // It comes as standard input. The shell has the number of the process that it becomes.
            steps.push("exec 3<&0 </dev/null &&".to_owned());
            steps.push("export LISTEN_FDS=1 LISTEN_PID=$$ &&".to_owned());
        }
        let mut words: Vec<&str> = Vec::new();
        if self.is_container {
            words.push("unshare");
            words.extend(CONTAINER);
        }
        if self.is_unprivileged {
            words.push("setpriv");
            words.extend(NOBODY);
        }
        let script = format!("{} exec \"$0\" \"$@\"", steps.join(" "));
        if !steps.is_empty() {
            words.extend(["sh", "-c", &script]);
        }
        let mut words = words.into_iter();
        let mut command = match words.next() {
            None => Command::new(program),
            Some(first) => {
                let mut command = Command::new(first);
                command.args(words).arg(program);
                command
            }
        };
        command.envs(self.environment);
        command.stdin(self.socket.map_or_else(Stdio::null, Stdio::from));
        command
    }
}

/// A user without privileges. Of root's it keeps the right to read.
const NOBODY: [&str; 5] = [
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
    "--inh-caps=-all,+dac_read_search",
    "--ambient-caps=-all,+dac_read_search",
];

/// The namespaces of a container, with what is started as its process 1.
const CONTAINER: [&str; 5] = ["--pid", "--fork", "--kill-child", "--mount", "--mount-proc"];

/// Whether this machine lets the tests make containers; else the reason is printed.
pub fn containers_are_allowed() -> bool {
    let tried = Command::new("unshare").args(CONTAINER).arg("true").stderr(Stdio::null()).status();
    let is_allowed = tried.is_ok_and(|status| status.success());
    if !is_allowed {
        skipped("this machine allows no namespaces (unshare, as root)");
    }
    is_allowed
}
