//! The way of a batch to its worker and back: rings, completions, and what a failure means.
//!
//! ```text
//! Version::pump ─► WorkerLink::submit ─► ring ─► worker
//!        ▲                                          │ doorbell
//!        └── credit ◄── completions::serve ◄── ring ◄┘
//! ```

mod completions;
mod failure;
mod link;
mod padded;
mod recovery;
mod scatter;

pub use completions::{Ending, Salvage, salvage, serve};
pub use link::{Refused, WorkerLink, fail_all};
pub use recovery::Suspicion;
