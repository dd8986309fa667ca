//! Forge as a service: what the system around it asks for, and what it is told.
//!
//! | | |
//! |---|---|
//! | `signals.rs` | SIGTERM and SIGINT (SIGHUP: `serve/control.rs`) |
//! | `drain.rs` | the end, from the first signal to the last answer |
//! | `manager.rs` | what a service manager is told (sd_notify(3)) |
//! | `report.rs` | keeps it told, and feeds its watchdog (`watchdog.rs`) while the router makes progress |
//! | `status.rs` | the line that it shows |
//! | `inherited.rs` | a listening socket from whoever started forge (sd_listen_fds(3)) |
//! | `children.rs` | as the first process of a container: the children of nobody |

mod children;
mod drain;
mod inherited;
mod manager;
mod report;
mod signals;
mod status;
mod watchdog;

pub use children::{Awaited, reap_orphans, spawn};
pub use drain::Drain;
pub use inherited::{InheritedError, inherited_listener};
pub use manager::ServiceManager;
pub use report::report;
pub use signals::Signals;
pub use status::status;

/// What a service manager tells this process alone: nobody it starts may take it for itself.
pub const OWN_ENVIRONMENT: [&str; 6] = [
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
];
