//! The control socket: what `forge ctl` asks of a running server, and who may ask.
//!
//! ```text
//! forge ctl ─► socket ─► listener ─► connection ─► commands ─┬─► Operator (models, workers)
//!  (cli/ctl)   0600       peer's uid   JSON lines             ├─► Server   (drain, end)
//!                                                             ├─► Settings (config)
//!                                                             └─► LevelHandle (log)
//! ```
//!
//! `wire` is the protocol, shared with the client in `cli/ctl`; `docs/ctl.md` describes it for
//! clients that others write. Nothing here knows HTTP or workers: what is not the [`Operator`]'s to
//! do reaches the server through the [`Server`] that the composition root hands over.
//!
//! [`Operator`]: crate::operator::Operator

mod changes;
mod code;
mod commands;
mod connection;
mod lines;
mod listener;
mod location;
mod orders;
mod peer;
mod reports;
mod server;
mod settings;
mod socket;
#[cfg(test)]
mod tests;
mod timestamp;
pub mod wire;

pub use code::{Code, exit_code};
pub use commands::Control;
pub use location::{Location, of_client, of_server};
pub use server::{Idle, Server};
pub use settings::Settings;
pub use socket::{ControlSocket, SocketError};
pub use wire::ServerStatus;
