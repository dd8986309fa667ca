//! What each worker of a model gets: a device, threads and CPUs.

use std::num::{NonZeroU32, NonZeroUsize};

use toml::Value;

use super::cpus;
use super::device::{self, Device, NoDevice};
use super::section::Section;

/// More intra-op threads rarely pay, and every one of them competes with the other models.
const DEFAULT_THREADS: usize = 4;

const MOST_WORKERS: u64 = 256;
const MOST_THREADS: u64 = 1024;

/// The facts of the machine that defaults and checks depend on.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    /// The CPUs this process may run on, in order.
    pub usable_cpus: Vec<usize>,
    /// How many CPUs' worth of time the cgroup allows, where it bounds it.
    pub cpu_quota: Option<f64>,
}

impl Machine {
    /// How many CPUs can be kept busy: those usable, within the quota; at least 1.
    pub fn cpus(&self) -> usize {
        let usable = self.usable_cpus.len();
        // Rounded down as `available_parallelism` does: one thread more than there is time for
        // would be throttled together with all others. The cast saturates.
        let quota = self.cpu_quota.map_or(usable, |quota| quota as usize);
        usable.min(quota).max(1)
    }
}

/// What one worker is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerConfig {
    pub device: Device,
    /// Intra-op threads.
    pub threads: NonZeroU32,
    /// The CPUs it is pinned to, in order; empty: wherever the router may run.
    pub cpus: Vec<usize>,
}

/// What the workers of a model are given together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkersPlan {
    /// Given to them in turn; at least one.
    pub(super) devices: Vec<Device>,
    /// Of each of them, where the operator says it.
    threads: Option<NonZeroU32>,
    /// Split among them; empty: wherever the router may run.
    pub(super) cpus: Vec<usize>,
}

impl WorkersPlan {
    /// What each of `count` workers gets; else why there cannot be so many.
    pub fn share(&self, count: NonZeroU32, machine: &Machine) -> Result<Vec<WorkerConfig>, String> {
        if u64::from(count.get()) > MOST_WORKERS {
            return Err(format!("{count} workers: at most {MOST_WORKERS} are allowed"));
        }
        // Not cut off: 16-bit machines run no Forge.
        let count = NonZeroUsize::try_from(count).unwrap_or(NonZeroUsize::MAX);
        if self.cpus.is_empty() {
            return Ok(self.with_shares(vec![Vec::new(); count.get()], machine));
        }
        if self.cpus.len() < count.get() {
            return Err(format!("{} CPUs cannot be split among {count} workers", self.cpus.len()));
        }
        Ok(self.with_shares(cpus::split(&self.cpus, count), machine))
    }

    /// A worker for each share of the CPUs.
    fn with_shares(&self, shares: Vec<Vec<usize>>, machine: &Machine) -> Vec<WorkerConfig> {
        let each = machine.cpus() / shares.len().max(1);
        let worker = |(share, device): (Vec<usize>, &Device)| {
            let own = if share.is_empty() { each } else { each.min(share.len()) };
            let threads = self.threads.unwrap_or_else(|| default_threads(own));
            WorkerConfig { device: *device, threads, cpus: share }
        };
        shares.into_iter().zip(self.devices.iter().cycle()).map(worker).collect()
    }
}

/// Reads `workers`, `device`, `devices`, `num_threads` and `cpus` of a model. At least one worker.
pub(super) fn read(
    section: &mut Section<'_>,
    machine: &Machine,
) -> (WorkersPlan, Vec<WorkerConfig>) {
    let count = section.size("workers", MOST_WORKERS, "").unwrap_or(NonZeroU32::MIN);
    let devices = devices(section);
    let threads = section.size("num_threads", MOST_THREADS, "");
    let cpus = cpus(section, machine);
    let plan = WorkersPlan { devices, threads, cpus };
    let workers = plan.share(count, machine).unwrap_or_else(|cause| {
        section.problems().conflict(&section.key("cpus"), cause);
        Vec::new()
    });
    (plan, workers)
}

fn default_threads(cpus: usize) -> NonZeroU32 {
    u32::try_from(cpus.min(DEFAULT_THREADS))
        .ok()
        .and_then(NonZeroU32::new)
        .unwrap_or(NonZeroU32::MIN)
}

/// The CPUs of all workers together; none where none are given.
fn cpus(section: &mut Section<'_>, machine: &Machine) -> Vec<usize> {
    let allowed = "a list of CPUs such as \"0-3\" or \"0,2-3\"";
    let cpus = section.optional("cpus", allowed, |value| cpus::parse(value.as_str()?));
    let cpus = cpus.unwrap_or_default();
    let usable = &machine.usable_cpus;
    let outside: Vec<usize> = cpus.iter().copied().filter(|cpu| !usable.contains(cpu)).collect();
    if outside.is_empty() {
        return cpus;
    }
    let (outside, usable) = (cpus::format(&outside), cpus::format(usable));
    let cause = format!("this process may not run on {outside}; allowed are {usable}");
    section.problems().conflict(&section.key("cpus"), cause);
    Vec::new()
}

/// The devices that workers get in turn; at least one.
fn devices(section: &mut Section<'_>) -> Vec<Device> {
    let (one, many) = (section.take("device"), section.take("devices"));
    if one.is_some() && many.is_some() {
        let cause = "device and devices exclude each other: device is for all workers, devices are \
                     given to them in turn";
        section.problems().conflict(&section.key("devices"), cause);
    }
    let one = one.and_then(|value| device(section, &section.key("device"), &value));
    let many = many.map(|value| list(section, &value)).unwrap_or_default();
    match (one, many.is_empty()) {
        (Some(device), _) => vec![device],
        (None, false) => many,
        (None, true) => vec![Device::Cpu],
    }
}

fn list(section: &Section<'_>, value: &Value) -> Vec<Device> {
    let key = section.key("devices");
    match value.as_array() {
        Some(values) if !values.is_empty() => {
            let items = values.iter().enumerate();
            items
                .filter_map(|(index, value)| device(section, &format!("{key}[{index}]"), value))
                .collect()
        }
        _ => {
            let allowed = format!("a list of devices, each {}", device::ALLOWED);
            section.problems().value(&key, value, allowed, None);
            Vec::new()
        }
    }
}

fn device(section: &Section<'_>, key: &str, value: &Value) -> Option<Device> {
    let problems = section.problems();
    match value.as_str().map(Device::parse) {
        Some(Ok(device)) => return Some(device),
        Some(Err(NoDevice::Apple)) => {
            let cause = "mps is a device of Apple's; on Linux it is \"cpu\" or \"cuda\"";
            problems.conflict(key, cause);
        }
        Some(Err(NoDevice::Unknown(meant))) => {
            problems.value(key, value, device::ALLOWED, meant.map(str::to_owned));
        }
        None => problems.value(key, value, device::ALLOWED, None),
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_bounds_the_cpus_and_one_is_always_left() {
        for (usable, quota, cpus) in [
            (4, None, 4),
            (4, Some(2.0), 2),
            (4, Some(2.9), 2),
            (4, Some(8.0), 4),
            (4, Some(0.5), 1),
            (0, None, 1),
        ] {
            let machine = Machine { usable_cpus: (0..usable).collect(), cpu_quota: quota };
            assert_eq!(machine.cpus(), cpus, "{usable} {quota:?}");
        }
    }
}
