//! Tells apart what the time of a batch goes to.
//!
//! ```text
//! start ──input──► has_inputs ──infer──► has_returned ──output──► stop
//!            ▲                                              │
//!            └──────────── makes_inputs (a second run) ─────┘
//! ```

use std::time::{Duration, Instant};

use forge_ipc::ComputeNanos;

/// Measures the phases of a batch. An engine that marks nothing has spent everything on the input, and
/// one that fails everything on the phase it came to.
#[derive(Debug)]
pub struct Stopwatch {
    spent: [Duration; 3],
    phase: Phase,
    since: Instant,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Input,
    Infer,
    Output,
}

impl Stopwatch {
    /// From here on inputs are made.
    pub fn start() -> Self {
        Self { spent: [Duration::ZERO; 3], phase: Phase::Input, since: Instant::now() }
    }

    /// From here on inputs are made again: a batch may take more than one run.
    pub(crate) fn makes_inputs(&mut self) {
        self.enter(Phase::Input, Instant::now());
    }

    /// The model has its inputs, on its device, and runs from here on.
    pub fn has_inputs(&mut self) {
        self.enter(Phase::Infer, Instant::now());
    }

    /// The model has returned, and its device is done; from here on outputs are brought home.
    pub fn has_returned(&mut self) {
        self.enter(Phase::Output, Instant::now());
    }

    /// What was spent until now.
    pub fn stop(mut self) -> ComputeNanos {
        self.enter(Phase::Output, Instant::now());
        let [input, infer, output] = self.spent.map(nanos);
        ComputeNanos { input, infer, output }
    }

    fn enter(&mut self, phase: Phase, now: Instant) {
        self.spent[self.phase as usize] += now.saturating_duration_since(self.since);
        (self.phase, self.since) = (phase, now);
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(watch: &mut Stopwatch, millis: u64, phase: Phase) {
        watch.enter(phase, watch.since + Duration::from_millis(millis));
    }

    #[test]
    fn each_phase_lasts_until_the_next_is_entered() {
        let mut watch = Stopwatch::start();
        after(&mut watch, 1, Phase::Infer);
        after(&mut watch, 20, Phase::Output);
        after(&mut watch, 300, Phase::Output);
        assert_eq!(watch.spent, [1, 20, 300].map(Duration::from_millis));
    }

    #[test]
    fn the_phases_of_several_runs_add_up() {
        let mut watch = Stopwatch::start();
        for _ in 0..2 {
            after(&mut watch, 1, Phase::Infer);
            after(&mut watch, 20, Phase::Output);
            after(&mut watch, 300, Phase::Input);
        }
        assert_eq!(watch.spent, [2, 40, 600].map(Duration::from_millis));
    }

    #[test]
    fn a_clock_that_goes_back_counts_nothing() {
        let mut watch = Stopwatch::start();
        let before = watch.since;
        after(&mut watch, 5, Phase::Infer);
        watch.enter(Phase::Output, before);
        assert_eq!(watch.spent, [5, 0, 0].map(Duration::from_millis));
    }
}
