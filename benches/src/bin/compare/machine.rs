//! Where figures come from.

use std::fmt;
use std::fs;
use std::io;

/// The machine, as far as it matters for figures.
#[derive(Debug)]
pub(crate) struct Machine {
    cpu: String,
    cpus: usize,
    gibibytes: f64,
    kernel: String,
    /// Runnable processes over the last minute before the run: above zero, others were at work.
    load: String,
}

impl Machine {
    pub(crate) fn look() -> io::Result<Self> {
        let text = fs::read_to_string;
        let (cpuinfo, meminfo) = (text("/proc/cpuinfo")?, text("/proc/meminfo")?);
        let load = text("/proc/loadavg")?;
        let kilobytes =
            field(&meminfo, "MemTotal").and_then(|it| it.split(' ').next()?.parse().ok());
        Ok(Self {
            cpu: field(&cpuinfo, "model name").unwrap_or("an unknown CPU").to_owned(),
            cpus: std::thread::available_parallelism()?.get(),
            gibibytes: kilobytes.unwrap_or(0.0) / 1024.0 / 1024.0,
            kernel: text("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            load: load.split(' ').next().unwrap_or_default().to_owned(),
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cpu, cpus, gibibytes, kernel, load } = self;
        write!(
            formatter,
            "{cpus} CPUs ({cpu}), {gibibytes:.0} GiB, Linux {kernel}, load average before the run {load}"
        )
    }
}

/// A line `name : value` of a file of `/proc`.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.map(|rest| rest.trim_start_matches([' ', '\t', ':']).trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_name() {
        let text = "MemFree:  7 kB\nMemTotal:       24102912 kB\nmodel name\t: AMD EPYC\n";
        assert_eq!(field(text, "MemTotal"), Some("24102912 kB"));
        assert_eq!(field(text, "model name"), Some("AMD EPYC"));
        assert_eq!(field(text, "flags"), None);
    }
}
