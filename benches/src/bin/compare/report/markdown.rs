//! Tables for `docs/performance.md`.

use std::fmt::Write;

use forge_benches::Spread;

use super::Report;
use crate::goals::Goal;
use crate::results::{Results, Series};
use crate::workloads::names;

pub(super) fn render(report: &Report<'_>) -> String {
    let mut text = format!("On {}; {}.\n", report.machine, report.scope);
    goals(&mut text, report.goals);
    for workload in workloads(report.results) {
        series(&mut text, report.results, workload);
    }
    figures(&mut text, report.results);
    failures(&mut text, report.results);
    text
}

fn goals(text: &mut String, goals: &[Goal]) {
    text.push_str("\n| goal | bound | measured | |\n|---|---|---|---|\n");
    for goal in goals {
        let Goal { text: name, bound, unit, .. } = goal;
        let measured = goal.measured.map_or("–".to_owned(), |it| format!("{it:.2} {unit}"));
        let verdict = match goal.is_met() {
            Some(true) => "met",
            Some(false) => "missed",
            None => "not measured",
        };
        line(text, &format!("| {name} | {bound} {unit} | {measured} | {verdict} |"));
    }
}

fn workloads(results: &Results) -> Vec<&'static str> {
    let mut workloads = Vec::new();
    for series in &results.series {
        if !workloads.contains(&series.workload) {
            workloads.push(series.workload);
        }
    }
    workloads
}

fn series(text: &mut String, results: &Results, workload: &str) {
    line(text, &format!("\n### {workload}\n"));
    line(text, "| load | server | requests per second | median | p99 | Forge's throughput is |");
    line(text, "|---|---|---|---|---|---|");
    for series in results.series.iter().filter(|series| series.workload == workload) {
        let forge = results.series(workload, &series.case, names::FORGE);
        let Series { case, subject, .. } = series;
        line(
            text,
            &format!(
                "| {case} | {subject} | {} | {} | {} | {} |",
                per_second(series.rate()),
                time(series.median_latency()),
                time(series.p99()),
                forge.filter(|_| subject != names::FORGE).map_or(String::new(), |forge| format!(
                    "{:.2} ×",
                    forge.rate().median / series.rate().median
                ))
            ),
        );
    }
    let told = results.settings.iter().filter(|((of, _), _)| *of == workload);
    let told: Vec<String> =
        told.map(|((_, subject), told)| format!("* {}: {told}", subject.name())).collect();
    if !told.is_empty() {
        line(text, &format!("\n{}", told.join("\n")));
    }
}

fn figures(text: &mut String, results: &Results) {
    if results.figures.is_empty() {
        return;
    }
    text.push_str("\n| figure | median (lowest–highest) |\n|---|---|\n");
    for figure in &results.figures {
        line(text, &format!("| {} | {} {} |", figure.name, figure.spread(), figure.unit));
    }
}

fn failures(text: &mut String, results: &Results) {
    if results.failures.is_empty() {
        return;
    }
    text.push_str("\nNot measured:\n\n");
    for failure in &results.failures {
        line(text, &format!("* {}, {}: {}", failure.workload, failure.subject, failure.why));
    }
}

fn per_second(spread: Spread) -> String {
    let round = |figure: f64| match figure {
        _ if figure < 100.0 => format!("{figure:.1}"),
        _ => thousands(figure),
    };
    let Spread { median, lowest, highest } = spread;
    format!("{} ({}–{})", round(median), round(lowest), round(highest))
}

fn time(micros: Spread) -> String {
    let digits = |figure: f64| if figure < 10.0 { 2 } else { usize::from(figure < 100.0) };
    match micros.median {
        median if median < 1000.0 => format!("{median:.0} µs"),
        median => format!("{:.*} ms", digits(median / 1e3), median / 1e3),
    }
}

/// With a comma between thousands.
fn thousands(figure: f64) -> String {
    let digits = format!("{figure:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn line(text: &mut String, of: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{of}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Round;

    #[test]
    fn large_numbers_have_commas() {
        assert_eq!(thousands(1234567.4), "1,234,567");
        assert_eq!(thousands(123.0), "123");
        assert_eq!(per_second(Spread::of(&[9.25, 1234.0, 99.0])), "99.0 (9.2–1,234)");
        assert_eq!(time(Spread::of(&[350.4])), "350 µs");
        assert_eq!(time(Spread::of(&[2350.0])), "2.35 ms");
        assert_eq!(time(Spread::of(&[123_456.0])), "123 ms");
    }

    #[test]
    fn each_server_stands_beside_forge_and_one_that_failed_is_named() {
        let mut results = Results::default();
        let round = |per_second| Round { per_second, median_micros: 10.0, p99_micros: 20.0 };
        results.record("w", "c", "Forge", round(3000.0));
        results.record("w", "c", "mosec", round(1000.0));
        results.failed("w", "Triton", "no stub".to_owned());
        let mut text = String::new();
        series(&mut text, &results, "w");
        failures(&mut text, &results);
        assert!(
            text.contains("| c | mosec | 1,000 (1,000–1,000) | 10 µs | 20 µs | 3.00 × |"),
            "{text}"
        );
        assert!(text.contains("| c | Forge | 3,000 (3,000–3,000) | 10 µs | 20 µs |  |"), "{text}");
        assert!(text.contains("* w, Triton: no stub"), "{text}");
    }
}
