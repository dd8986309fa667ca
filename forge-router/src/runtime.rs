//! The event loop of the router.

use tokio::runtime::{Builder, Runtime};

/// Threads that decode and encode large bodies beside the event loop.
const MOST_ASIDE: usize = 4;

/// How many threads the event loop gets: one on small machines, where a second one only costs
/// wake-ups (docs/architecture.md); on larger ones a quarter of the CPUs, the rest is the workers'.
pub fn threads(usable_cpus: usize) -> usize {
    if usable_cpus < 8 { 1 } else { usable_cpus / 4 }
}

/// An event loop on so many threads.
pub fn build(threads: usize, usable_cpus: usize) -> std::io::Result<Runtime> {
    let mut builder = match threads {
        0 | 1 => Builder::new_current_thread(),
        _ => {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(threads);
            builder
        }
    };
    builder.enable_all().max_blocking_threads(usable_cpus.clamp(1, MOST_ASIDE)).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_machines_have_one_thread_and_large_ones_a_quarter_of_their_cpus() {
        for (cpus, expected) in [(0, 1), (1, 1), (7, 1), (8, 2), (16, 4), (64, 16)] {
            assert_eq!(threads(cpus), expected, "{cpus}");
        }
    }
}
