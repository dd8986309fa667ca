//! Which CPUs this process may use.

use nix::errno::Errno;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

/// Pins the calling thread, and every thread it starts from now on, to `cpus`; an empty list leaves
/// it where it is.
pub(crate) fn pin(cpus: &[usize]) -> Result<(), AffinityError> {
    if cpus.is_empty() {
        return Ok(());
    }
    let refused = |source| AffinityError { cpus: cpus.to_vec(), source };
    let mut set = CpuSet::new();
    for cpu in cpus {
        set.set(*cpu).map_err(refused)?;
    }
    sched_setaffinity(Pid::from_raw(0), &set).map_err(refused)
}

/// The configuration, or the machine it was written for: none of the CPUs can be used here.
#[derive(Debug, thiserror::Error)]
#[error("cannot run on cpus {cpus:?}: {source}")]
pub(crate) struct AffinityError {
    cpus: Vec<usize>,
    source: Errno,
}

#[cfg(test)]
mod tests {
    use nix::sched::sched_getaffinity;

    use super::*;

    fn allowed() -> Vec<usize> {
        let set = sched_getaffinity(Pid::from_raw(0)).unwrap();
        (0..CpuSet::count()).filter(|cpu| set.is_set(*cpu).unwrap()).collect()
    }

    #[test]
    fn a_pinned_thread_may_use_only_the_cpus_named() {
        let before = allowed();
        pin(&[]).unwrap();
        assert_eq!(allowed(), before);
        pin(&before[..1]).unwrap();
        assert_eq!(allowed(), before[..1]);
    }

    #[test]
    fn a_cpu_this_machine_lacks_is_an_error_that_names_it() {
        for cpu in [CpuSet::count() - 1, CpuSet::count()] {
            let error = pin(&[cpu]).unwrap_err().to_string();
            assert!(error.contains(&cpu.to_string()), "{error}");
        }
    }
}
