//! The goals, and what of them was met.

use crate::results::Results;
use crate::workloads::names;

/// A bound on what was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

/// A goal beside what was measured.
#[derive(Clone, Debug)]
pub(crate) struct Goal {
    pub(crate) text: &'static str,
    pub(crate) bound: Bound,
    pub(crate) unit: &'static str,
    /// `None` where the run did not measure it.
    pub(crate) measured: Option<f64>,
}

impl Goal {
    /// `None` where it was not measured.
    pub(crate) fn is_met(&self) -> Option<bool> {
        self.measured.map(|measured| match self.bound {
            Bound::AtLeast(bound) => measured >= bound,
            Bound::AtMost(bound) => measured <= bound,
        })
    }
}

impl std::fmt::Display for Bound {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtLeast(bound) => write!(formatter, "≥ {bound}"),
            Self::AtMost(bound) => write!(formatter, "≤ {bound}"),
        }
    }
}

/// Every goal, in the order of the table.
pub(crate) fn goals(results: &Results) -> Vec<Goal> {
    use Bound::{AtLeast, AtMost};
    let rate =
        |workload, case, subject| Some(results.series(workload, case, subject)?.rate().median);
    let median = |workload, case, subject| {
        Some(results.series(workload, case, subject)?.median_latency().median)
    };
    let faster = |workload, case, than| {
        quotient(rate(workload, case, names::FORGE), rate(workload, case, than))
    };
    let double = |connections, than| faster(names::DOUBLE, connections, than);
    let image = |than| faster(names::IMAGE, names::EIGHT, than);
    let in_process = |workload| {
        quotient(
            rate(workload, names::IN_PROCESS, names::FORGE),
            rate(workload, names::IN_PROCESS, names::LIBTORCH),
        )
    };
    let value = |name| results.value(name);
    let goal = |text, bound, measured| Goal { text, bound, unit: "×", measured };
    let absolute = |text, bound, unit, measured| Goal { text, bound, unit, measured };
    vec![
        goal(
            "128-float JSON, 50 connections: throughput against bare hyper",
            AtLeast(0.85),
            double(names::FIFTY, names::BARE),
        ),
        goal("… 10 connections", AtLeast(0.7), double(names::TEN, names::BARE)),
        goal("… 50 connections, against Triton", AtLeast(6.0), double(names::FIFTY, names::TRITON)),
        goal("… against mosec", AtLeast(15.0), double(names::FIFTY, names::MOSEC)),
        goal("… against the original", AtLeast(30.0), double(names::FIFTY, names::ORIGINAL)),
        goal(
            "… alone: median latency against bare hyper",
            AtMost(1.4),
            quotient(
                median(names::DOUBLE, names::ONE, names::FORGE),
                median(names::DOUBLE, names::ONE, names::BARE),
            ),
        ),
        goal(
            "602 kB binary, 8 connections: throughput against bare hyper",
            AtLeast(0.85),
            image(names::BARE),
        ),
        goal("… against Triton", AtLeast(1.6), image(names::TRITON)),
        goal(
            "MiniLM-L6: throughput against libtorch in process",
            AtLeast(0.97),
            in_process(names::MINILM),
        ),
        goal(
            "ResNet-50: throughput against libtorch in process",
            AtLeast(0.97),
            in_process(names::RESNET),
        ),
        goal(
            "MiniLM-L6 at mixed lengths: throughput against every request padded to the longest",
            AtLeast(1.5),
            quotient(
                rate(names::MINILM, names::MIXED, names::FORGE),
                rate(names::MINILM, names::PADDED, names::FORGE),
            ),
        ),
        goal(
            "MLP, 50 connections: worker CPU per request at max_batch_size 1 against 32",
            AtLeast(4.0),
            quotient(value(names::MLP_CPU_ALONE), value(names::MLP_CPU_BATCHED)),
        ),
        goal("open loop at 70 % of capacity: p99 ÷ median", AtMost(3.0), value(names::OPEN_TAIL)),
        goal(
            "open loop at 200 %: right answers against capacity",
            AtLeast(0.95),
            value(names::OPEN_GOODPUT),
        ),
        absolute("… the slowest refusal", AtMost(5.0), "ms", value(names::OPEN_REFUSAL)),
        goal(
            "100 models against 1, same load: throughput",
            AtLeast(0.9),
            quotient(
                rate(names::MANY, names::HUNDRED, names::FORGE),
                rate(names::MANY, names::ONE_MODEL, names::FORGE),
            ),
        ),
        goal(
            "router CPU per request against bare hyper's, 50 connections",
            AtMost(1.3),
            quotient(value(names::ROUTER_CPU), value(names::BARE_CPU)),
        ),
        absolute(
            "memory of the router without regions",
            AtMost(20.0),
            "MB",
            value(names::ROUTER_MEMORY),
        ),
        absolute(
            "a worker's RssAnon minus a bare program's with the same model",
            AtMost(10.0),
            "MB",
            difference(value(names::WORKER_MEMORY), value(names::BARE_MEMORY)),
        ),
        absolute("start to ready", AtMost(0.7), "s", value(names::START)),
    ]
}

fn quotient(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    Some(one? / other.filter(|other| *other > 0.0)?)
}

fn difference(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    Some(one? - other?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Round;

    #[test]
    fn a_goal_is_met_missed_or_was_not_measured() {
        let mut results = Results::default();
        let round = |per_second| Round { per_second, median_micros: 1.0, p99_micros: 1.0 };
        results.record(names::DOUBLE, names::FIFTY, names::FORGE, round(90.0));
        results.record(names::DOUBLE, names::FIFTY, names::BARE, round(100.0));
        results.record(names::DOUBLE, names::FIFTY, names::TRITON, round(30.0));
        results.figure(names::START, "s", 0.7);
        let goals = goals(&results);
        let verdict = |text: &str| {
            goals.iter().find(|goal| goal.text.contains(text)).expect("the goal").is_met()
        };
        assert_eq!(verdict("50 connections: throughput against bare hyper"), Some(true));
        assert_eq!(verdict("50 connections, against Triton"), Some(false));
        assert_eq!(verdict("against mosec"), None);
        assert_eq!(verdict("start to ready"), Some(true));
    }
}
