//! A real systemd with nothing but the units of a test.
//!
//! It is a user's manager in namespaces of its own, with a control group of its own: nothing of the
//! machine's is seen or touched, and all of it ends together.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use crate::command::{Finished, finish};
use crate::process::Process;
use crate::skipped;
use crate::surroundings::containers_are_allowed;
use crate::temp_dir::TempDir;
use crate::waiting::{eventually, until, wait_for};

const PROGRAM: &str = "/lib/systemd/systemd";

/// As process 1 of its namespaces: gives systemd what it looks for, and clears up after it.
const SURROUND: &str = "
mount -t tmpfs none /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup || exit 1
mount -t tmpfs none /run && mkdir -p /run/systemd/system || exit 1
group=/sys/fs/cgroup/$1
mkdir $group && echo $$ >$group/cgroup.procs || exit 1
$2 --user --log-target=console
echo $$ >/sys/fs/cgroup/cgroup.procs
find $group -depth -type d -exec rmdir {} +
";

/// Dropping it stops every unit and it.
#[derive(Debug)]
pub struct Systemd {
    child: Child,
    /// Process 1 of its namespaces.
    inside: Process,
    dir: TempDir,
}

impl Systemd {
    /// `None`, with a printed reason, where this machine does not allow it.
    pub fn start() -> Option<Self> {
        if !Path::new(PROGRAM).exists() {
            skipped(&format!("there is no {PROGRAM} (Debian's package systemd)"));
            return None;
        }
        if !containers_are_allowed() {
            return None;
        }
        let dir = TempDir::new();
        for place in ["run", "config/systemd/user"] {
            fs::create_dir_all(dir.path().join(place)).expect("a directory");
        }
        // The machine's own units for users are seen, too, and nobody needs a bus.
        for unit in ["dbus.socket", "dbus.service"] {
            let mask = dir.path().join("config/systemd/user").join(unit);
            symlink("/dev/null", mask).expect("a link");
        }
        let told = format!("[Service]\nStandardError=append:{}", dir.path().join("log").display());
        fs::create_dir(dir.path().join("config/systemd/user/service.d")).expect("a directory");
        dir.write("config/systemd/user/service.d/log.conf", told);
        let name = dir.path().file_name().expect("a name");
        let log = File::create(dir.path().join("log")).expect("a file");
        let mut command = Command::new("unshare");
        command.args(["--mount", "--mount-proc", "--pid", "--fork", "--kill-child", "sh", "-c"]);
        command.args([SURROUND, "sh"]).arg(name).arg(PROGRAM);
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a file")).stderr(log);
        let child = surround(&mut command, dir.path()).spawn().expect("unshare starts");
        let outside = Process::new(child.id());
        let inside = eventually("there is a process inside", || outside.children().pop());
        let mut systemd = Self { child, inside, dir };
        until("systemd runs", || {
            let has_ended = systemd.child.try_wait().expect("its status").is_some();
            assert!(!has_ended, "systemd has ended: {}", systemd.log());
            systemd.systemctl(&["list-units"]).status.success()
        });
        Some(systemd)
    }

    /// Writes a unit, or a drop-in such as `a.service.d/b.conf`.
    pub fn unit(&self, name: &str, text: &str) {
        let path = self.units().join(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(path, text).expect("a unit");
    }

    pub fn systemctl(&self, arguments: &[&str]) -> Finished {
        // Systemd hears only whose process it can see.
        let inside = self.inside.pid().to_string();
        let mut command = Command::new("nsenter");
        command.args(["--target", &inside, "--pid", "--mount", "systemctl", "--user"]);
        finish(surround(command.args(arguments), self.dir.path()))
    }

    /// The same, where it must succeed.
    pub fn must(&self, arguments: &[&str]) {
        let finished = self.systemctl(arguments);
        assert!(finished.status.success(), "{arguments:?}: {}{}", finished.stderr, self.log());
    }

    /// A property of a unit.
    pub fn property(&self, unit: &str, name: &str) -> String {
        let shown = self.systemctl(&["show", "--value", "--property", name, unit]);
        shown.stdout.trim().to_owned()
    }

    /// What its units know as `%t`.
    pub fn runtime_dir(&self) -> PathBuf {
        self.dir.path().join("run")
    }

    /// The process that a service consists of.
    pub fn main_process(&self, unit: &str) -> Process {
        let number = self.property(unit, "MainPID").parse().expect("a process number");
        self.inside.of_its_namespace(number).expect("the service runs")
    }

    fn units(&self) -> PathBuf {
        self.dir.path().join("config/systemd/user")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Systemd {
    fn drop(&mut self) {
        drop(self.systemctl(&["exit"]));
        let ended = wait_for(|| self.child.try_wait().expect("its status"));
        if ended.is_none() {
            // With it go all processes of its namespace.
            self.child.kill().expect("unshare can be killed");
            self.child.wait().expect("its status");
        }
        if thread::panicking() || ended.is_none() {
            eprintln!("--- the log of systemd\n{}---", self.log());
        }
        assert!(ended.is_some() || thread::panicking(), "systemd did not end with all its units");
    }
}

fn surround<'a>(command: &'a mut Command, dir: &Path) -> &'a mut Command {
    command
        .env("HOME", dir)
        .env("XDG_RUNTIME_DIR", dir.join("run"))
        .env("XDG_CONFIG_HOME", dir.join("config"))
        .env_remove("DBUS_SESSION_BUS_ADDRESS")
}
