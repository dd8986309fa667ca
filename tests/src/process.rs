//! What a process holds, as `/proc` tells it.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, SysconfVar, sysconf};

/// A process; its number given to another one later is not taken for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    pid: i32,
    started: u64,
}

/// A thread of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    pub name: String,
    pub nice: i64,
}

impl Thread {
    fn of(folder: &Path) -> Option<Self> {
        let name = fs::read_to_string(folder.join("comm")).ok()?.trim_end().to_owned();
        Some(Self { name, nice: Stat::of(folder)?.nice })
    }
}

impl Process {
    pub fn new(pid: u32) -> Self {
        let pid = i32::try_from(pid).expect("a process number");
        Self { pid, started: Stat::of(&folder(pid)).expect("the process exists").started }
    }

    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// A zombie no longer is.
    pub fn is_alive(&self) -> bool {
        Stat::of(&folder(self.pid))
            .is_some_and(|stat| stat.started == self.started && stat.state != 'Z')
    }

    /// A zombie still does.
    pub fn exists(&self) -> bool {
        Stat::of(&folder(self.pid)).is_some_and(|stat| stat.started == self.started)
    }

    /// Signals it where it still is.
    pub fn try_signal(&self, signal: Signal) -> bool {
        self.is_alive() && kill(Pid::from_raw(self.pid), signal).is_ok()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid), signal).expect("the process can be signalled");
    }

    /// The number it has in its own namespace.
    pub fn number_inside(&self) -> Option<i32> {
        let status = fs::read_to_string(self.file("status")).ok()?;
        let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
        numbers.split_whitespace().next_back()?.parse().ok()
    }

    /// The process that has this number in the namespace of this one.
    pub fn of_its_namespace(&self, number: i32) -> Option<Process> {
        let namespace = |process: &Process| fs::read_link(process.file("ns/pid")).ok();
        let own = namespace(self).expect("its namespace");
        let mut all = numbers().filter_map(|pid| {
            let stat = Stat::of(&folder(pid))?;
            Some(Process { pid, started: stat.started })
        });
        all.find(|process| {
            namespace(process).as_ref() == Some(&own) && process.number_inside() == Some(number)
        })
    }

    /// Its living child processes, oldest first.
    pub fn children(&self) -> Vec<Process> {
        let child = |pid| {
            let stat = Stat::of(&folder(pid))?;
            (stat.parent == self.pid && stat.state != 'Z')
                .then_some(Process { pid, started: stat.started })
        };
        let mut children: Vec<Process> = numbers().filter_map(child).collect();
        children.sort_by_key(|child| (child.started, child.pid));
        children
    }

    /// Its threads as they are now, each with its name.
    pub fn threads(&self) -> Vec<Thread> {
        // A process that has just ended has none, and a thread that has just ended is none.
        let Ok(entries) = fs::read_dir(self.file("task")) else { return Vec::new() };
        entries.filter_map(|entry| Thread::of(&entry.ok()?.path())).collect()
    }

    /// The nice value of its first thread.
    pub fn nice(&self) -> i64 {
        Stat::of(&folder(self.pid)).expect("the process exists").nice
    }

    /// How ready the kernel is to end it when memory runs out.
    pub fn oom_score_adjustment(&self) -> i32 {
        let text = fs::read_to_string(self.file("oom_score_adj")).expect("its score");
        text.trim().parse().expect("a number")
    }

    /// The words it was started with.
    pub fn command_line(&self) -> Vec<String> {
        let line = fs::read_to_string(self.file("cmdline")).expect("its command line");
        line.split_terminator('\0').map(str::to_owned).collect()
    }

    /// What its file descriptors lead to.
    pub fn descriptors(&self) -> BTreeMap<u32, String> {
        // A process that has just ended has none.
        let Ok(entries) = fs::read_dir(self.file("fd")) else { return BTreeMap::new() };
        let target = |entry: fs::DirEntry| {
            let number = entry.file_name().to_str()?.parse().ok()?;
            // One that was closed meanwhile is none.
            Some((number, fs::read_link(entry.path()).ok()?.to_string_lossy().into_owned()))
        };
        entries.filter_map(|entry| target(entry.ok()?)).collect()
    }

    /// Where it listens for TCP connections over IPv4.
    pub fn listens_on(&self) -> Option<SocketAddr> {
        let own: Vec<String> = self.descriptors().into_values().collect();
        let table = fs::read_to_string(self.file("net/tcp")).ok()?;
        table.lines().skip(1).find_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let socket = format!("socket:[{}]", fields.get(9)?);
            let listens = fields.get(3) == Some(&"0A") && own.contains(&socket);
            listens.then(|| fields.get(1).copied().and_then(kernel_address)).flatten()
        })
    }

    /// What is mapped from files, memory files among them.
    pub fn mapped_files(&self) -> Vec<String> {
        let maps = fs::read_to_string(self.file("maps")).expect("its memory maps");
        let file = |line: &str| {
            let name = line.split_whitespace().nth(5)?;
            name.starts_with('/').then(|| name.to_owned())
        };
        let mut files: Vec<String> = maps.lines().filter_map(file).collect();
        files.sort();
        files
    }

    /// Bytes of its own memory: RssAnon + RssFile, without what it shares.
    pub fn own_memory(&self) -> u64 {
        self.resident(&["RssAnon:", "RssFile:"])
    }

    /// Bytes of its heap and its stacks that are in memory.
    pub fn heap(&self) -> u64 {
        self.resident(&["RssAnon:"])
    }

    fn resident(&self, kinds: &[&str]) -> u64 {
        let status = fs::read_to_string(self.file("status")).expect("its memory");
        let kilobytes = |field: &&str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(*field));
            line.expect("the field").trim().trim_end_matches(" kB").parse().expect("a number")
        };
        kinds.iter().map(kilobytes).sum::<u64>() * 1024
    }

    /// The CPUs it may run on, as the kernel lists them: `0-3,7`.
    pub fn allowed_cpus(&self) -> String {
        let status = fs::read_to_string(self.file("status")).expect("its CPUs");
        let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        list.expect("the field").trim().to_owned()
    }

    /// Whether it may lower the nice value of a thread.
    pub fn may_change_priorities(&self) -> bool {
        const CAP_SYS_NICE: u64 = 1 << 23;
        let status = fs::read_to_string(self.file("status")).expect("its capabilities");
        let set = status.lines().find_map(|line| line.strip_prefix("CapEff:")).expect("the field");
        u64::from_str_radix(set.trim(), 16).expect("a number") & CAP_SYS_NICE != 0
    }

    /// Time for which it occupied a CPU.
    pub fn cpu_time(&self) -> Duration {
        let ticks = Stat::of(&folder(self.pid)).expect("the process exists").ticks;
        let per_second = sysconf(SysconfVar::CLK_TCK).ok().flatten().expect("the clock's tick");
        Duration::from_secs_f64(ticks as f64 / per_second as f64)
    }

    fn file(&self, name: &str) -> PathBuf {
        folder(self.pid).join(name)
    }
}

fn folder(pid: i32) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}"))
}

/// Of all processes that there are.
fn numbers() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").expect("/proc");
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// An address as `/proc/net/tcp` writes it: both numbers in hexadecimal, the first byte by byte in
/// the order of the machine (proc_pid_net(5)).
fn kernel_address(text: &str) -> Option<SocketAddr> {
    let (host, port) = text.split_once(':')?;
    let host = u32::from_str_radix(host, 16).ok()?.to_ne_bytes();
    Some(SocketAddr::from((host, u16::from_str_radix(port, 16).ok()?)))
}

/// The fields of `/proc/PID/stat` (proc_pid_stat(5)).
struct Stat {
    state: char,
    parent: i32,
    ticks: u64,
    nice: i64,
    started: u64,
}

impl Stat {
    /// Of a folder of `/proc`: a process's or a thread's.
    fn of(folder: &Path) -> Option<Self> {
        let line = fs::read_to_string(folder.join("stat")).ok()?;
        // The name before it may hold anything, brackets too.
        let fields: Vec<&str> = line.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |manual: usize| -> Option<u64> { fields.get(manual - 3)?.parse().ok() };
        Some(Self {
            state: fields.first()?.chars().next()?,
            parent: fields.get(1)?.parse().ok()?,
            ticks: number(14)? + number(15)?,
            nice: fields.get(19 - 3)?.parse().ok()?,
            started: number(22)?,
        })
    }
}
