//! A real systemd with nothing but the units of a test.
//!
//! It is a user's manager, or a system's, in namespaces of its own, with a control group of its own: nothing of
//! the machine's is touched, and all of it ends together.

use std::ffi::OsStr;
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

/// Becomes process 1 of a system that can write nothing of the machine's. It knows its own units, and has what it is
/// given under /opt/forge. That it is in a container, as the variable says, keeps it from what a boot does.
const SURROUND_SYSTEM: &str = "
mount -t tmpfs none /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup || exit 1
group=/sys/fs/cgroup/$1 dir=$2
mkdir $group && echo $$ >$group/cgroup.procs || exit 1
shift 2
while [ $# -gt 0 ]; do
    mount --bind $1 $dir/opt/$2 || exit 1
    shift 2
done
for place in /run /var/tmp /opt; do mount -t tmpfs none $place || exit 1; done
mkdir -p /opt/forge /run/systemd/system
mount --rbind $dir/opt /opt/forge && mount --bind $dir/config/systemd/user /run/systemd/system || exit 1
mount -o remount,bind,ro / && mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys || exit 1
mount -t tmpfs none /tmp || exit 1
exec unshare --cgroup sh -c 'umount /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && exec env -i PATH=$PATH container=test \
    SYSTEMD_UNIT_PATH=/run/systemd/system /lib/systemd/systemd --system --unit=basic.target --log-target=null'
";

/// A control group is left where everybody in it was killed.
const CLEAR: &str = "
mount -t tmpfs none /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup || exit 1
find /sys/fs/cgroup/$1 -depth -type d -exec rmdir {} +
";

/// Dropping it stops every unit and it.
#[derive(Debug)]
pub struct Systemd {
    child: Child,
    /// Process 1 of its namespaces.
    inside: Process,
    dir: TempDir,
    is_of_a_system: bool,
}

impl Systemd {
    /// A user's. `None`, with a printed reason, where this machine does not allow it.
    pub fn start() -> Option<Self> {
        let dir = Self::directory("log")?;
        // The machine's own units for users are seen, too, and nobody needs a bus.
        for unit in ["dbus.socket", "dbus.service"] {
            let mask = dir.path().join("config/systemd/user").join(unit);
            symlink("/dev/null", mask).expect("a link");
        }
        let mut command = unshare();
        command.args(["sh", "-c", SURROUND, "sh"]).arg(name_of(&dir)).arg(PROGRAM);
        Some(Self::run(surround(&mut command, dir.path()), dir, false))
    }

    /// A system's. Its services have these files and directories under `/opt/forge`, by the names given, and what
    /// [`Self::install`] puts there.
    pub fn of_a_system(installed: &[(&str, PathBuf)]) -> Option<Self> {
        let dir = Self::directory("opt/log")?;
        // What a service needs that does not say that it needs nothing.
        for target in ["basic", "sysinit", "shutdown", "network-online"] {
            let path = format!("config/systemd/user/{target}.target");
            dir.write(&path, "[Unit]\nDefaultDependencies=no\n");
        }
        let mut command = unshare();
        command.args(["--ipc", "--uts", "sh", "-c", SURROUND_SYSTEM, "sh"]);
        command.arg(name_of(&dir)).arg(dir.path());
        for (name, source) in installed {
            let place = dir.path().join("opt").join(name);
            fs::create_dir_all(place.parent().expect("a directory")).expect("a directory");
            // There has to be something to mount it over.
            match source.is_dir() {
                true => fs::create_dir(place).expect("a directory"),
                false => fs::write(place, "").expect("a file"),
            }
            command.arg(source).arg(name);
        }
        Some(Self::run(&mut command, dir, true))
    }

    /// With the places of units, and of a log of all services.
    fn directory(log: &str) -> Option<TempDir> {
        if !Path::new(PROGRAM).exists() {
            skipped(&format!("there is no {PROGRAM} (Debian's package systemd)"));
            return None;
        }
        if !containers_are_allowed() {
            return None;
        }
        let dir = TempDir::new();
        for place in ["run", "opt", "config/systemd/user/service.d"] {
            fs::create_dir_all(dir.path().join(place)).expect("a directory");
        }
        let seen = match log.strip_prefix("opt/") {
            Some(name) => Path::new("/opt/forge").join(name),
            None => dir.path().join(log),
        };
        let told = format!("[Service]\nStandardError=append:{}\n", seen.display());
        dir.write("config/systemd/user/service.d/log.conf", told);
        dir.write(log, "");
        Some(dir)
    }

    fn run(command: &mut Command, dir: TempDir, is_of_a_system: bool) -> Self {
        let log = File::options().append(true).open(log_in(&dir, is_of_a_system)).expect("a file");
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a file")).stderr(log);
        let child = command.spawn().expect("unshare starts");
        let outside = Process::new(child.id());
        let inside = eventually("there is a process inside", || outside.children().pop());
        let mut systemd = Self { child, inside, dir, is_of_a_system };
        until("systemd runs", || {
            let has_ended = systemd.child.try_wait().expect("its status").is_some();
            assert!(!has_ended, "systemd has ended: {}", systemd.log());
            systemd.systemctl(&["list-units"]).status.success()
        });
        systemd
    }

    /// Puts a file under a system's `/opt/forge`.
    pub fn install(&self, name: &str, contents: impl AsRef<[u8]>) {
        self.dir.write(&format!("opt/{name}"), contents);
    }

    /// Where this path of a system is seen from outside.
    pub fn outside(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{path}", self.inside.pid()))
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
        command.args(["--target", &inside, "--pid", "--mount", "systemctl"]);
        command.args((!self.is_of_a_system).then_some("--user"));
        finish(surround(command.args(arguments), self.dir.path()))
    }

    /// The same, where it must succeed.
    pub fn must(&self, arguments: &[&str]) {
        let finished = self.systemctl(arguments);
        if !finished.status.success() {
            let unit = arguments.last().copied().unwrap_or_default();
            let status = self.systemctl(&["status", "--full", unit]).stdout;
            panic!("{arguments:?}: {}{status}{}", finished.stderr, self.log());
        }
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
        fs::read_to_string(log_in(&self.dir, self.is_of_a_system)).unwrap_or_default()
    }

    /// A system is not asked to end, which would have it clear up after a whole machine.
    fn cut_off(&mut self) {
        self.child.kill().expect("unshare can be killed");
        self.child.wait().expect("its status");
        // With process 1 go all processes of its namespace.
        let is_gone = wait_for(|| (!self.inside.exists()).then_some(()));
        let mut clear = Command::new("unshare");
        clear.args(["--mount", "sh", "-c", CLEAR, "sh"]).arg(name_of(&self.dir));
        let cleared = wait_for(|| finish(&mut clear).status.success().then_some(()));
        let is_clear = is_gone.is_some() && cleared.is_some();
        assert!(is_clear || thread::panicking(), "systemd is not gone with all its units");
    }
}

impl Drop for Systemd {
    fn drop(&mut self) {
        if self.is_of_a_system {
            if thread::panicking() {
                eprintln!("--- the log of the services\n{}---", self.log());
            }
            return self.cut_off();
        }
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

fn unshare() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--mount-proc", "--pid", "--fork", "--kill-child"]);
    command
}

/// The name of its control group.
fn name_of(dir: &TempDir) -> &OsStr {
    dir.path().file_name().expect("a name")
}

fn log_in(dir: &TempDir, is_of_a_system: bool) -> PathBuf {
    dir.path().join(if is_of_a_system { "opt/log" } else { "log" })
}

fn surround<'a>(command: &'a mut Command, dir: &Path) -> &'a mut Command {
    command
        .env("HOME", dir)
        .env("XDG_RUNTIME_DIR", dir.join("run"))
        .env("XDG_CONFIG_HOME", dir.join("config"))
        .env_remove("DBUS_SESSION_BUS_ADDRESS")
}
