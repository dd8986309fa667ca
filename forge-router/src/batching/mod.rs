//! Which rows run together: the policy, free of clocks, tasks and I/O.

mod group;
mod priority;
mod queue;

pub use group::Group;
pub use priority::{Priority, PriorityLevels};
pub use queue::{Batch, Entry, Policy, Queue, SplitRows, Ticket, Timing, rows_that_fit};
