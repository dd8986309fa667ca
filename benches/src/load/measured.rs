//! What a load showed.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

/// Nanoseconds. Three digits of everything between these are kept.
const SHORTEST: u64 = 100;
const LONGEST: u64 = 3_600_000_000_000;
const DIGITS: u8 = 3;

/// One run of a load.
#[derive(Clone, Debug)]
pub struct Measured {
    /// From the beginning to the last answer.
    pub seconds: f64,
    /// Requests that were answered, and rightly.
    pub answered: Latencies,
    /// Requests that the server refused because it had too much to do.
    pub refused: Latencies,
    /// All others.
    pub failed: Latencies,
    pub failures: Failures,
    /// How long requests waited between when they were due and when they were sent: for a free
    /// connection, or because the load generator itself was late. Nanoseconds.
    pub lateness: Histogram<u64>,
}

/// How long requests took, in nanoseconds.
#[derive(Clone, Debug)]
pub struct Latencies {
    /// From when they were due. In a closed loop that is when they were sent.
    pub from_due: Histogram<u64>,
    /// From when they were sent.
    pub from_sent: Histogram<u64>,
}

/// Requests that failed, by kind.
#[derive(Clone, Debug, Default)]
pub struct Failures {
    kinds: BTreeMap<Failure, (u64, String)>,
}

/// Why a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// It was answered with a success that says something else than it should.
    Wrong,
    /// A status code of HTTP other than 200 and 503.
    Http(u16),
    /// A status code of gRPC other than OK and UNAVAILABLE.
    Grpc(u16),
    /// The connection broke, or what came is no answer.
    Broken,
    TimedOut,
    /// It was due, but no connection was free for it until all were over.
    Unsent,
}

impl Measured {
    /// Right answers per second.
    pub fn requests_per_second(&self) -> f64 {
        self.answered.from_due.len() as f64 / self.seconds.max(f64::MIN_POSITIVE)
    }

    /// The latency that this share of the right answers did not exceed, in microseconds.
    pub fn latency_micros(&self, share: f64) -> f64 {
        self.answered.from_due.value_at_quantile(share) as f64 / 1e3
    }

    /// An error where there was anything but right answers.
    ///
    /// # Errors
    /// What was wrong.
    pub fn only_right(self) -> std::io::Result<Self> {
        match (self.refused.from_due.len(), self.failures.first()) {
            (0, None) => Ok(self),
            (_, Some((failure, text))) => Err(std::io::Error::other(format!("{failure}: {text}"))),
            (refused, None) => Err(std::io::Error::other(format!("{refused} were refused"))),
        }
    }
}

impl Latencies {
    pub(super) fn new() -> Self {
        Self { from_due: new_histogram(), from_sent: new_histogram() }
    }

    pub(super) fn record(&mut self, due: Instant, sent: Instant, now: Instant) {
        record(&mut self.from_due, now.saturating_duration_since(due));
        record(&mut self.from_sent, now.saturating_duration_since(sent));
    }
}

impl Failures {
    pub(super) fn add(&mut self, failure: Failure, text: impl FnOnce() -> String) {
        self.kinds.entry(failure).or_insert_with(|| (0, text())).0 += 1;
    }

    /// How many of each kind, and the text of its first.
    pub fn kinds(&self) -> impl Iterator<Item = (Failure, u64, &str)> {
        self.kinds.iter().map(|(failure, (count, text))| (*failure, *count, text.as_str()))
    }

    pub fn count(&self) -> u64 {
        self.kinds.values().map(|(count, _)| count).sum()
    }

    pub fn count_of(&self, failure: Failure) -> u64 {
        self.kinds.get(&failure).map_or(0, |(count, _)| *count)
    }

    fn first(&self) -> Option<(Failure, &str)> {
        self.kinds().next().map(|(failure, _, text)| (failure, text))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wrong => formatter.write_str("wrong"),
            Self::Http(code) => write!(formatter, "HTTP {code}"),
            Self::Grpc(code) => write!(formatter, "gRPC {code}"),
            Self::Broken => formatter.write_str("broken"),
            Self::TimedOut => formatter.write_str("timed out"),
            Self::Unsent => formatter.write_str("unsent"),
        }
    }
}

pub(super) fn new_histogram() -> Histogram<u64> {
    #[allow(
        clippy::expect_used,
        reason = "the bounds are constants that it accepts, as a test shows"
    )]
    Histogram::new_with_bounds(SHORTEST, LONGEST, DIGITS).expect("bounds of a histogram")
}

pub(super) fn record(histogram: &mut Histogram<u64>, time: Duration) {
    histogram.saturating_record(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_keep_three_digits() {
        let mut histogram = new_histogram();
        for micros in 1..=1000 {
            record(&mut histogram, Duration::from_micros(micros));
        }
        record(&mut histogram, Duration::from_secs(100_000));
        let micros = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e3;
        assert!((micros(0.5) - 501.0).abs() < 1.0, "{}", micros(0.5));
        assert!((micros(0.99) - 991.0).abs() < 1.5, "{}", micros(0.99));
        assert!(micros(1.0) >= 3.6e9);
    }

    #[test]
    fn the_text_of_the_first_failure_of_a_kind_is_kept() {
        let mut failures = Failures::default();
        failures.add(Failure::Broken, || "first".to_owned());
        failures.add(Failure::Broken, || unreachable!("it is not asked for"));
        failures.add(Failure::Wrong, || "other".to_owned());
        let kinds: Vec<_> = failures.kinds().collect();
        assert_eq!(kinds, [(Failure::Wrong, 1, "other"), (Failure::Broken, 2, "first")]);
        assert_eq!((failures.count(), failures.count_of(Failure::Unsent)), (3, 0));
    }
}
