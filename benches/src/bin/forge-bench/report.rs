//! Everything that was measured, as `--json` writes it. `docs/benchmark.md` has the fields.

use std::collections::BTreeMap;
use std::time::Duration;

use forge_benches::load::{Failure, Latencies};
use forge_benches::{Measured, Pace};
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::arguments::Arguments;
use crate::prepare::Prepared;

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) version: &'static str,
    pub(crate) settings: Settings,
    pub(crate) machine: Machine,
    pub(crate) runs: Vec<Run>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Settings {
    pub(crate) server: String,
    pub(crate) model: String,
    pub(crate) protocol: &'static str,
    pub(crate) duration_s: f64,
    pub(crate) warm_up_s: f64,
    pub(crate) timeout_s: f64,
    /// How many different requests were sent in turn, and their mean size with their head.
    pub(crate) requests: usize,
    pub(crate) request_bytes: usize,
    /// Both null where answers were not checked.
    pub(crate) distinct_answers: Option<usize>,
    pub(crate) tolerance: Option<f64>,
}

/// The one the load ran on.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) cpus: usize,
    pub(crate) cpu_model: Option<String>,
    pub(crate) architecture: &'static str,
}

#[derive(Debug, Serialize)]
pub(crate) struct Run {
    #[serde(flatten)]
    pub(crate) pace: PaceOfRun,
    /// From the beginning to the last answer.
    pub(crate) seconds: f64,
    /// Right answers only.
    pub(crate) requests_per_second: f64,
    pub(crate) refused_per_second: f64,
    pub(crate) mean_batch: Option<f64>,
    pub(crate) answered: Times,
    pub(crate) refused: Times,
    pub(crate) failed: Times,
    pub(crate) failures: BTreeMap<String, FailuresOfKind>,
    /// Between when requests were due and when they were sent.
    pub(crate) late_ms: Percentiles,
    /// CPU time of the load generator.
    pub(crate) load_cpu_s: f64,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(tag = "loop", rename_all = "snake_case")]
pub(crate) enum PaceOfRun {
    Closed { concurrency: usize },
    Open { rate: f64, in_flight: usize },
}

/// Of requests that had the same outcome.
#[derive(Debug, Serialize)]
pub(crate) struct Times {
    pub(crate) count: u64,
    /// From when they were due.
    pub(crate) latency_ms: Percentiles,
    /// From when they were sent.
    pub(crate) from_sent_ms: Percentiles,
}

#[derive(Debug, Serialize)]
pub(crate) struct FailuresOfKind {
    pub(crate) count: u64,
    /// What the first one told.
    pub(crate) first: String,
}

/// Milliseconds; all 0 where nothing was recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Percentiles {
    pub(crate) mean: f64,
    pub(crate) min: f64,
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
}

impl Report {
    pub(crate) fn new(arguments: &Arguments, prepared: &Prepared, runs: Vec<Run>) -> Self {
        let Arguments { target, model, protocol, .. } = arguments;
        let settings = Settings {
            server: format!("{}{}", target.address, target.base),
            model: model.clone(),
            protocol: protocol.name(),
            duration_s: arguments.duration.as_secs_f64(),
            warm_up_s: arguments.warm_up.as_secs_f64(),
            timeout_s: arguments.timeout.as_secs_f64(),
            requests: prepared.exchanges.len(),
            request_bytes: prepared.request_bytes,
            distinct_answers: prepared.distinct_answers,
            tolerance: prepared.distinct_answers.map(|_| arguments.tolerance),
        };
        Self { version: env!("CARGO_PKG_VERSION"), settings, machine: Machine::this(), runs }
    }

    pub(crate) fn to_json(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    pub(crate) fn has_wrong_answers(&self) -> bool {
        self.runs.iter().any(|run| run.failures.contains_key(&Failure::Wrong.to_string()))
    }

    pub(crate) fn has_failures(&self) -> bool {
        self.runs.iter().any(|run| run.failed.count > 0)
    }
}

impl Machine {
    fn this() -> Self {
        let information = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = information.lines().find_map(|line| line.strip_prefix("model name"));
        Self {
            cpus: std::thread::available_parallelism().map_or(0, usize::from),
            cpu_model: model.map(|model| model.trim_start_matches([' ', '\t', ':']).to_owned()),
            architecture: std::env::consts::ARCH,
        }
    }
}

impl Run {
    pub(crate) fn new(
        pace: Pace,
        measured: &Measured,
        mean_batch: Option<f64>,
        cpu: Duration,
    ) -> Self {
        let pace = match pace {
            Pace::Closed { connections } => PaceOfRun::Closed { concurrency: connections },
            Pace::Open { per_second, in_flight } => PaceOfRun::Open { rate: per_second, in_flight },
        };
        let failures = measured.failures.kinds().map(|(failure, count, first)| {
            (failure.to_string(), FailuresOfKind { count, first: first.to_owned() })
        });
        let refused = Times::of(&measured.refused);
        Self {
            pace,
            seconds: measured.seconds,
            requests_per_second: measured.requests_per_second(),
            refused_per_second: refused.count as f64 / measured.seconds.max(f64::MIN_POSITIVE),
            mean_batch,
            answered: Times::of(&measured.answered),
            refused,
            failed: Times::of(&measured.failed),
            failures: failures.collect(),
            late_ms: Percentiles::of(&measured.lateness),
            load_cpu_s: cpu.as_secs_f64(),
        }
    }
}

impl Times {
    fn of(latencies: &Latencies) -> Self {
        Self {
            count: latencies.from_due.len(),
            latency_ms: Percentiles::of(&latencies.from_due),
            from_sent_ms: Percentiles::of(&latencies.from_sent),
        }
    }
}

impl Percentiles {
    fn of(nanoseconds: &Histogram<u64>) -> Self {
        if nanoseconds.is_empty() {
            return Self::default();
        }
        let at = |quantile| nanoseconds.value_at_quantile(quantile) as f64 / 1e6;
        Self {
            mean: nanoseconds.mean() / 1e6,
            min: nanoseconds.min() as f64 / 1e6,
            p50: at(0.5),
            p90: at(0.9),
            p95: at(0.95),
            p99: at(0.99),
            p999: at(0.999),
            max: nanoseconds.max() as f64 / 1e6,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_in_milliseconds() {
        let mut histogram = Histogram::new(3).unwrap();
        (1..=1000).for_each(|millis: u64| histogram.record(millis * 1_000_000).unwrap());
        let Percentiles { mean, min, p50, p90, p95, p99, p999, max } = Percentiles::of(&histogram);
        for (got, expected) in [mean, min, p50, p90, p95, p99, p999, max]
            .into_iter()
            .zip([500.5, 1.0, 500.0, 900.0, 950.0, 990.0, 999.0, 1000.0])
        {
            assert!((got - expected).abs() <= expected / 500.0, "{got} {expected}");
        }
        assert_eq!(Percentiles::of(&Histogram::new(3).unwrap()), Percentiles::default());
    }
}
