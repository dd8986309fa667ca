//! How long to wait before a crashed worker is started again. Pure; chance comes as an argument.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(10);
/// A worker that served this long was sound: the next crash is a first one.
const STABLE: Duration = Duration::from_secs(30);

/// Exponential back-off: doubles with every crash, is forgotten after a stable time.
#[derive(Debug, Default)]
pub struct Backoff {
    crashes: u32,
}

impl Backoff {
    /// The pause after a worker that was ready for `served`. `chance` in 0..=1 spreads the restarts
    /// of workers that crashed together over the upper half of the pause.
    pub fn after_crash(&mut self, served: Duration, chance: f64) -> Duration {
        if served >= STABLE {
            self.crashes = 0;
        }
        let pause = FIRST.saturating_mul(1 << self.crashes.min(16)).min(LONGEST);
        self.crashes += 1;
        pause.mul_f64(0.5 + 0.5 * chance.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut backoff = Backoff::default();
        let pauses: Vec<u128> =
            (0..9).map(|_| backoff.after_crash(Duration::ZERO, 1.0).as_millis()).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
    }

    #[test]
    fn a_stable_time_is_a_new_start() {
        let mut backoff = Backoff::default();
        for _ in 0..5 {
            backoff.after_crash(Duration::ZERO, 1.0);
        }
        assert_eq!(backoff.after_crash(STABLE, 1.0), FIRST);
        assert_eq!(backoff.after_crash(Duration::ZERO, 1.0), FIRST * 2);
    }

    #[test]
    fn chance_spreads_over_the_upper_half() {
        assert_eq!(Backoff::default().after_crash(Duration::ZERO, 0.0), FIRST / 2);
        assert_eq!(Backoff::default().after_crash(Duration::ZERO, 7.0), FIRST);
    }
}
