//! Facts of the machine and of this process's place in it. Each file parses in pure functions and
//! reads `/proc` and `/sys` around them.

mod cgroup;
pub mod cpus;
pub mod limits;
pub mod memory;
mod quietly;

use crate::config::Machine;

pub use quietly::quietly;

/// The facts that a config depends on.
pub fn machine() -> Machine {
    Machine { usable_cpus: cpus::usable(), cpu_quota: cpus::quota() }
}
