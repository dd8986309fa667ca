//! The event loop of the router.

use tokio::runtime::{Builder, Runtime};

/// Threads that decode and encode large bodies beside the event loop.
const MOST_ASIDE: usize = 4;

/// One thread on small machines, where a second one only costs wake-ups (docs/architecture.md);
/// on larger ones a quarter of the CPUs, the rest is the workers'.
pub fn build(usable_cpus: usize) -> std::io::Result<Runtime> {
    let mut builder = match usable_cpus {
        0..8 => Builder::new_current_thread(),
        _ => {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(usable_cpus / 4);
            builder
        }
    };
    builder.enable_all().max_blocking_threads(usable_cpus.clamp(1, MOST_ASIDE)).build()
}
