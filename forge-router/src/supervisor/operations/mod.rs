//! What an operator can have done, each as the sequence of steps that it is.
//!
//! ```text
//! open ─► memory ─► spawn, load, warm ─► all ready ─► flip (one store) ─► drain old ─► retire old
//!  └──────┴──────────────┴── failed: the version that serves is untouched
//! ```

mod apply;
mod canary;
mod load;
mod refresh;
mod replace;
mod report;
mod scale;
mod swap;

pub use apply::apply;
pub use canary::{abort, promote};
pub use load::{load, load_configured, unload};
pub use refresh::refresh;
pub use report::report;
pub use scale::scale;
pub use swap::{rollback, swap};
