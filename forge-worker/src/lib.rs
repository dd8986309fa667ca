//! One process that serves one version of one model: the loop, without any tensor library.
//!
//! A worker is told everything over its control socket, which is its fd 0, and in this order: load
//! this file, rehearse and probe these shapes, attach these regions. From then on batches come through the
//! rings, and the socket carries nothing but the orders to settle after warming and to retire. Reading order: [`run()`] (the life
//! of the process), `control` (the talk before the rings), `loader` (the third thread), `serve` (the loop), [`Engine`] (what a
//! tensor library has to offer).
//!
//! The process has two threads of its own. One does all of the above, but for loading and trying
//! the model, which a third does for it and then is gone; the other waits for the router's death, so
//! that not even a forward that never returns outlives it.

#![forbid(unsafe_code)]

mod affinity;
mod buffer;
mod collected;
mod control;
mod engine;
mod loader;
mod log;
mod measure;
mod parent_watch;
mod process;
mod rehearse;
mod rows_first;
mod run;
mod sample;
mod serve;
mod stopwatch;
mod warm;

pub use collected::{Collected, Difference, difference};
pub use engine::{Chosen, Description, Engine, EngineError, ModelFile};
pub use log::say;
pub use run::run;
pub use sample::Sample;
pub use stopwatch::Stopwatch;
