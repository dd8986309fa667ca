//! The life of a worker process. Pure: what may follow what.
//!
//! ```text
//! Starting ─► Warming ─► Ready ─► Draining ─► Retired
//!     └──────────┴─────────┴─────────┴──────► Crashed ─► Starting (a new process)
//! ```

use std::fmt;

/// Where a worker process is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WorkerState {
    /// The process is being started and loads its model.
    Starting,
    /// Its rings are attached; batches that no client sent run through them.
    Warming,
    /// Batches are cut for it.
    Ready,
    /// It finishes what it has and gets nothing new.
    Draining,
    /// It ended because it was told to.
    Retired,
    /// It ended, or was ended, without having been told to.
    Crashed,
}

/// What happens to a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerEvent {
    /// A new process is started in this worker's place.
    Start,
    /// The model is loaded and the rings are attached.
    Attached,
    /// The warm-up answered.
    Warmed,
    /// It is to end once it has nothing left to do.
    Drain,
    /// The process ended after `Drain`.
    Ended,
    /// The process ended or broke a rule.
    Failed,
}

/// The supervisor's own mistake: an event that cannot happen in this state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a {state} worker cannot take {event:?}")]
pub struct Impossible {
    pub state: WorkerState,
    pub event: WorkerEvent,
}

impl WorkerState {
    pub const ALL: [Self; 6] =
        [Self::Starting, Self::Warming, Self::Ready, Self::Draining, Self::Retired, Self::Crashed];

    /// The name in metrics, logs and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Warming => "warming",
            Self::Ready => "ready",
            Self::Draining => "draining",
            Self::Retired => "retired",
            Self::Crashed => "crashed",
        }
    }

    /// The state after `event`.
    pub fn next(self, event: WorkerEvent) -> Result<Self, Impossible> {
        use WorkerEvent::{Attached, Drain, Ended, Failed, Start, Warmed};
        Ok(match (self, event) {
            (Self::Crashed, Start) => Self::Starting,
            (Self::Starting, Attached) => Self::Warming,
            (Self::Warming, Warmed) => Self::Ready,
            (Self::Starting | Self::Warming | Self::Ready, Drain) => Self::Draining,
            // A worker that waits for its restart has no process to wait for.
            (Self::Crashed, Drain) => Self::Retired,
            (Self::Draining, Ended) => Self::Retired,
            (Self::Starting | Self::Warming | Self::Ready | Self::Draining, Failed) => {
                Self::Crashed
            }
            (state, event) => return Err(Impossible { state, event }),
        })
    }
}

impl fmt::Display for WorkerState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_transitions_is_this_and_no_other() {
        use WorkerEvent::{Attached, Drain, Ended, Failed, Start, Warmed};
        use WorkerState::{Crashed, Draining, Ready, Retired, Starting, Warming};
        let allowed = [
            (Starting, Attached, Warming),
            (Starting, Drain, Draining),
            (Starting, Failed, Crashed),
            (Warming, Warmed, Ready),
            (Warming, Drain, Draining),
            (Warming, Failed, Crashed),
            (Ready, Drain, Draining),
            (Ready, Failed, Crashed),
            (Draining, Ended, Retired),
            (Draining, Failed, Crashed),
            (Crashed, Start, Starting),
            (Crashed, Drain, Retired),
        ];
        for state in WorkerState::ALL {
            for event in [Start, Attached, Warmed, Drain, Ended, Failed] {
                let expected = allowed
                    .iter()
                    .find(|(from, by, _)| (*from, *by) == (state, event))
                    .map(|(_, _, to)| *to)
                    .ok_or(Impossible { state, event });
                assert_eq!(state.next(event), expected, "{state} {event:?}");
            }
        }
    }
}
