//! Which rows run together: the policy, free of clocks, tasks and I/O.

mod queue;

pub use queue::{Batch, Entry, Queue, Ticket, Timing, rows_that_fit};
