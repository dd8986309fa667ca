//! What people read in the terminal.

use std::fmt::Write;

use forge_benches::numbers::{three_digits, with_thousands};

use crate::report::{PaceOfRun, Report, Run};

/// A row for each run, as the Python Forge's benchmark had them.
pub(crate) fn table(report: &Report) -> String {
    let is_open = report.runs.iter().any(|run| matches!(run.pace, PaceOfRun::Open { .. }));
    let mut heads = vec![if is_open { "Rate" } else { "Concurrency" }];
    heads.extend(["RPS", "P50 (ms)", "P95 (ms)", "P99 (ms)"]);
    if is_open {
        heads.extend(["Refused/s", "in P99 (ms)"]);
    } else {
        heads.push("Refused");
    }
    heads.extend(["Errors", "Mean batch"]);
    let mut lines = vec![heads.iter().map(|head| (*head).to_owned()).collect()];
    lines.extend(report.runs.iter().map(row));
    aligned(&lines)
}

/// What the table does not say: why requests failed, and what to beware of.
pub(crate) fn notes(report: &Report) -> String {
    let mut notes = String::new();
    let mut note = |text: std::fmt::Arguments<'_>| {
        // Writing to a text does not fail.
        let _ = writeln!(notes, "{text}");
    };
    for run in &report.runs {
        for (kind, failures) in &run.failures {
            note(format_args!(
                "{}: {} {kind}; the first: {}",
                name(run),
                failures.count,
                failures.first
            ));
        }
    }
    let settings = &report.settings;
    if settings.distinct_answers.is_none() {
        note(format_args!("answers were not checked, only statuses"));
    }
    if settings.distinct_answers == Some(1) && settings.requests > 1 {
        note(format_args!(
            "all requests have the same answer: that clients get each other's would not be seen"
        ));
    }
    notes
}

fn row(run: &Run) -> Vec<String> {
    let or_none = |count: u64, value: f64| match count {
        0 => "-".to_owned(),
        _ => three_digits(value),
    };
    let latency = &run.answered.latency_ms;
    let answered = |value| or_none(run.answered.count, value);
    let mut cells = vec![
        level(run),
        three_digits(run.requests_per_second),
        answered(latency.p50),
        answered(latency.p95),
        answered(latency.p99),
    ];
    match run.pace {
        PaceOfRun::Closed { .. } => cells.push(with_thousands(run.refused.count as f64, 0)),
        PaceOfRun::Open { .. } => cells.extend([
            three_digits(run.refused_per_second),
            // How fast the server refuses: that it waited for a connection is not the server's.
            or_none(run.refused.count, run.refused.from_sent_ms.p99),
        ]),
    }
    cells.push(with_thousands(run.failed.count as f64, 0));
    cells.push(run.mean_batch.map_or_else(|| "-".to_owned(), |mean| format!("{mean:.1}")));
    cells
}

/// What was varied.
pub(crate) fn level(run: &Run) -> String {
    match run.pace {
        PaceOfRun::Closed { concurrency } => concurrency.to_string(),
        PaceOfRun::Open { rate, .. } => {
            with_thousands(rate, if rate.fract() == 0.0 { 0 } else { 1 })
        }
    }
}

fn name(run: &Run) -> String {
    match run.pace {
        PaceOfRun::Closed { .. } => format!("concurrency {}", level(run)),
        PaceOfRun::Open { .. } => format!("{} a second", level(run)),
    }
}

/// Columns as wide as their widest cell, to the right.
fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |cells: &Vec<String>| {
        let cells = cells.iter().zip(&widths);
        let cells: Vec<String> = cells.map(|(cell, width)| format!("{cell:>width$}")).collect();
        cells.join("   ") + "\n"
    };
    lines.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let lines = [["RPS", "P50 (ms)"], ["12,345", "1.2"]];
        let lines = lines.map(|line| line.map(str::to_owned).to_vec());
        assert_eq!(aligned(&lines), "   RPS   P50 (ms)\n12,345        1.2\n");
    }
}
