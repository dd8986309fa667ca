//! A token bucket that counts what it holds back. Pure: time is an argument.

use std::time::{Duration, Instant};

/// How many lines of one kind may be written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    /// Lines that may be written at once after a quiet time; at least 1.
    pub(super) burst: u32,
    /// Time after which one more line may be written.
    pub(super) interval: Duration,
}

/// The answer to "may this line be written?".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Yes, with the number of lines that were held back since the last one written.
    Write { suppressed: u64 },
    /// No; it was counted.
    HoldBack,
}

/// Lines of one kind.
#[derive(Debug)]
pub(super) struct Limiter {
    rate: Rate,
    tokens: u32,
    /// Up to when elapsed time has been turned into tokens.
    refilled: Instant,
    suppressed: u64,
}

impl Limiter {
    /// A full bucket at `now`.
    pub(super) fn new(rate: Rate, now: Instant) -> Limiter {
        Limiter { rate, tokens: rate.burst, refilled: now, suppressed: 0 }
    }

    /// Takes a token for a line at `now`, or counts the line as held back.
    pub(super) fn admit(&mut self, now: Instant) -> Verdict {
        self.refill(now);
        if self.tokens == 0 {
            self.suppressed += 1;
            return Verdict::HoldBack;
        }
        self.tokens -= 1;
        Verdict::Write { suppressed: self.take_suppressed() }
    }

    /// The number of lines held back since the last one written; it starts again at 0.
    pub(super) fn take_suppressed(&mut self) -> u64 {
        std::mem::take(&mut self.suppressed)
    }

    /// Whole intervals become tokens, the remainder is kept for the next time.
    fn refill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.refilled);
        let intervals = elapsed.as_nanos() / self.rate.interval.as_nanos().max(1);
        let missing = self.rate.burst - self.tokens;
        match u32::try_from(intervals) {
            Ok(earned) if earned < missing => {
                self.tokens += earned;
                self.refilled += self.rate.interval * earned;
            }
            _ => {
                self.tokens = self.rate.burst;
                self.refilled = now;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { burst: 3, interval: Duration::from_secs(1) };

    /// Runs lines at these milliseconds and returns `Some(suppressed)` for those written.
    fn written(at_millis: &[u64]) -> Vec<Option<u64>> {
        let start = Instant::now();
        let mut limiter = Limiter::new(RATE, start);
        let verdicts = at_millis.iter().map(|&ms| limiter.admit(start + Duration::from_millis(ms)));
        verdicts
            .map(|verdict| match verdict {
                Verdict::Write { suppressed } => Some(suppressed),
                Verdict::HoldBack => None,
            })
            .collect()
    }

    #[test]
    fn a_burst_passes_and_the_next_line_tells_what_was_held_back() {
        for (at_millis, expected) in [
            (vec![0, 0, 0], vec![Some(0); 3]),
            (vec![0, 0, 0, 0, 999, 1000], vec![Some(0), Some(0), Some(0), None, None, Some(2)]),
            (vec![0, 0, 0, 1500, 2000], vec![Some(0), Some(0), Some(0), Some(0), Some(0)]),
            (vec![0, 0, 0, 1500, 1999], vec![Some(0), Some(0), Some(0), Some(0), None]),
            (vec![0, 0, 0, 9000, 9000, 9000, 9000], {
                vec![Some(0), Some(0), Some(0), Some(0), Some(0), Some(0), None]
            }),
        ] {
            assert_eq!(written(&at_millis), expected, "lines at {at_millis:?}");
        }
    }

    #[test]
    fn time_that_goes_backwards_earns_nothing() {
        let start = Instant::now() + Duration::from_secs(60);
        let mut limiter = Limiter::new(RATE, start);
        (0..3).for_each(|_| assert_eq!(limiter.admit(start), Verdict::Write { suppressed: 0 }));
        assert_eq!(limiter.admit(start - Duration::from_secs(30)), Verdict::HoldBack);
        assert_eq!(limiter.take_suppressed(), 1);
        assert_eq!(limiter.take_suppressed(), 0);
    }

    #[test]
    fn a_very_long_silence_only_fills_the_bucket() {
        let start = Instant::now();
        let rate = Rate { burst: 1, interval: Duration::from_nanos(1) };
        let mut limiter = Limiter::new(rate, start);
        let later = start + Duration::from_secs(1 << 20);
        assert_eq!(limiter.admit(later), Verdict::Write { suppressed: 0 });
        assert_eq!(limiter.admit(later), Verdict::HoldBack);
    }
}
