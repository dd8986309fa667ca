//! What the end-to-end tests are written in: Forge's real binaries in a directory of their own, an
//! HTTP client that can misbehave, and a look at what the processes hold.
//!
//! ```no_run
//! use forge_tests::{Forge, json};
//!
//! let forge = Forge::serving("m", "double");
//! assert_eq!(forge.predict("m", &json!({"input": [1.0]})).json()["output"], json!([2.0]));
//! ```
//!
//! Every wait has a deadline. Every `Forge` listens on a port of its own, so tests run beside each
//! other; when it is dropped it must end by itself, cleanly and with all of its workers.

#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by a panic, in its helpers too"
)]

mod browser;
mod captured;
mod chance;
mod command;
mod documented;
mod forge;
mod http;
mod load;
mod memory_group;
mod process;
mod programs;
mod promql;
mod python;
mod scrape;
mod service_manager;
mod setup;
mod skipped;
mod surroundings;
mod systemd;
mod temp_dir;
mod waiting;

pub use browser::Browser;
pub use captured::Captured;
pub use chance::Chance;
pub use command::{Finished, finish, forge};
pub use documented::{DocumentedRequest, curl_is_installed, default_seconds};
pub use forge::{Ended, Forge};
pub use http::{Connection, Response};
pub use load::{Load, Numbers, Running, Verdict};
pub use memory_group::MemoryGroup;
pub use nix::sys::signal::Signal;
pub use process::{Process, Thread};
pub use programs::{checkout, model_file, program, weights_file};
pub use promql::{Selector, grouping, selectors};
pub use python::{python, run_python};
pub use scrape::Scrape;
pub use serde_json::{Value, json};
pub use service_manager::ServiceManager;
pub use setup::Setup;
pub use skipped::skipped;
pub use surroundings::containers_are_allowed;
pub use systemd::Systemd;
pub use temp_dir::TempDir;
pub use waiting::{PATIENCE, eventually, until};
