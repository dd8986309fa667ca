//! Every round of everything.

use serde_json::{Value, json};

use super::Report;
use crate::results::{Figure, Round, Series};

pub(super) fn render(report: &Report<'_>) -> String {
    let results = report.results;
    let settings = results.settings.iter().map(|((workload, subject), told)| {
        json!({ "workload": workload, "server": subject.name(), "settings": told })
    });
    let failures = results.failures.iter().map(|failure| {
        json!({ "workload": failure.workload, "server": failure.subject, "why": failure.why })
    });
    let goals = report.goals.iter().map(|goal| {
        json!({
            "goal": goal.text,
            "bound": goal.bound.to_string(),
            "unit": goal.unit,
            "measured": goal.measured,
            "met": goal.is_met(),
        })
    });
    let value = json!({
        "machine": report.machine.to_string(),
        "scope": report.scope,
        "goals": goals.collect::<Vec<_>>(),
        "series": results.series.iter().map(series).collect::<Vec<_>>(),
        "figures": results.figures.iter().map(figure).collect::<Vec<_>>(),
        "settings": settings.collect::<Vec<_>>(),
        "not_measured": failures.collect::<Vec<_>>(),
    });
    format!("{value:#}\n")
}

fn series(series: &Series) -> Value {
    let round = |round: &Round| {
        json!({
            "requests_per_second": round.per_second,
            "median_us": round.median_micros,
            "p99_us": round.p99_micros,
        })
    };
    json!({
        "workload": series.workload,
        "load": series.case,
        "server": series.subject,
        "rounds": series.rounds.iter().map(round).collect::<Vec<_>>(),
    })
}

fn figure(figure: &Figure) -> Value {
    json!({ "name": figure.name, "unit": figure.unit, "rounds": figure.rounds })
}
