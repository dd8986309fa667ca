//! What was measured, and what could not be.

use std::collections::BTreeMap;

use forge_benches::Spread;

use crate::subject::Subject;

/// All rounds of all workloads.
#[derive(Debug, Default)]
pub(crate) struct Results {
    pub(crate) series: Vec<Series>,
    pub(crate) figures: Vec<Figure>,
    /// What each server was told, by workload.
    pub(crate) settings: BTreeMap<(&'static str, Subject), String>,
    pub(crate) failures: Vec<Failure>,
}

/// Throughput and latency of one server under one load.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) workload: &'static str,
    pub(crate) case: String,
    /// A server's name, or what else was measured in its place.
    pub(crate) subject: String,
    pub(crate) rounds: Vec<Round>,
}

/// One round of a series.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    /// Right answers per second.
    pub(crate) per_second: f64,
    pub(crate) median_micros: f64,
    pub(crate) p99_micros: f64,
}

/// Anything else that was measured, once or several times.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) rounds: Vec<f64>,
}

/// A server that gave no figures, and why.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) workload: &'static str,
    pub(crate) subject: String,
    pub(crate) why: String,
}

impl Results {
    pub(crate) fn record(&mut self, workload: &'static str, case: &str, of: &str, round: Round) {
        let is_it = |series: &&mut Series| {
            series.workload == workload && series.case == case && series.subject == of
        };
        if let Some(series) = self.series.iter_mut().find(is_it) {
            series.rounds.push(round);
            return;
        }
        let (case, subject) = (case.to_owned(), of.to_owned());
        self.series.push(Series { workload, case, subject, rounds: vec![round] });
    }

    pub(crate) fn figure(&mut self, name: &'static str, unit: &'static str, value: f64) {
        match self.figures.iter_mut().find(|figure| figure.name == name) {
            Some(figure) => figure.rounds.push(value),
            None => self.figures.push(Figure { name, unit, rounds: vec![value] }),
        }
    }

    pub(crate) fn failed(&mut self, workload: &'static str, subject: &str, why: String) {
        eprintln!("  {subject}: {why}");
        self.failures.push(Failure { workload, subject: subject.to_owned(), why });
    }

    pub(crate) fn has_failed(&self, workload: &str, subject: &str) -> bool {
        self.failures.iter().any(|it| it.workload == workload && it.subject == subject)
    }

    /// `None` where it was not measured.
    pub(crate) fn series(&self, workload: &str, case: &str, subject: &str) -> Option<&Series> {
        self.series
            .iter()
            .find(|it| it.workload == workload && it.case == case && it.subject == subject)
    }

    /// The median of a figure's rounds.
    pub(crate) fn value(&self, name: &str) -> Option<f64> {
        let figure = self.figures.iter().find(|figure| figure.name == name)?;
        Some(figure.spread().median)
    }
}

impl Series {
    pub(crate) fn rate(&self) -> Spread {
        self.spread(|round| round.per_second)
    }

    pub(crate) fn median_latency(&self) -> Spread {
        self.spread(|round| round.median_micros)
    }

    pub(crate) fn p99(&self) -> Spread {
        self.spread(|round| round.p99_micros)
    }

    fn spread(&self, figure: impl Fn(&Round) -> f64) -> Spread {
        Spread::of(&self.rounds.iter().map(figure).collect::<Vec<_>>())
    }
}

impl Figure {
    pub(crate) fn spread(&self) -> Spread {
        Spread::of(&self.rounds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_of_one_series_are_kept_together() {
        let mut results = Results::default();
        for per_second in [3.0, 1.0, 2.0] {
            let round = Round { per_second, median_micros: 1.0, p99_micros: 2.0 };
            results.record("w", "c", "Forge", round);
        }
        results.record(
            "w",
            "d",
            "Forge",
            Round { per_second: 9.0, median_micros: 1.0, p99_micros: 2.0 },
        );
        let series = results.series("w", "c", "Forge").unwrap();
        assert!((series.rate().median - 2.0).abs() < f64::EPSILON);
        assert!(results.series("w", "c", "mosec").is_none());
        results.figure("start", "s", 0.5);
        assert_eq!(results.value("start"), Some(0.5));
    }
}
