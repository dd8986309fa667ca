//! Throughput and latency over concurrency, or over the rate.

use forge_benches::chart::{Chart, Panel, Series};
use forge_benches::numbers::with_thousands;

use crate::report::{PaceOfRun, Percentiles, Report, Run};
use crate::table::level;

pub(crate) fn chart(report: &Report) -> Chart {
    let settings = &report.settings;
    let is_open = report.runs.iter().any(|run| matches!(run.pace, PaceOfRun::Open { .. }));
    let across = if is_open { "requests due per second" } else { "concurrent clients" };
    let panel = |title: &str, series| Panel {
        title: title.to_owned(),
        across: across.to_owned(),
        ticks: report.runs.iter().map(level).collect(),
        series,
    };
    let mut throughput = vec![of("answered", report, |run| Some(run.requests_per_second))];
    if report.runs.iter().any(|run| run.refused.count > 0) {
        throughput.push(of("refused", report, |run| Some(run.refused_per_second)));
    }
    let latency = |name: &str, percentile: fn(&Percentiles) -> f64| {
        let value =
            |run: &Run| (run.answered.count > 0).then(|| percentile(&run.answered.latency_ms));
        of(name, report, value)
    };
    Chart {
        title: settings.model.clone(),
        subtitle: format!(
            "{}, requests of {} bytes, {} s for each point, load from a machine of {} CPUs",
            settings.protocol,
            with_thousands(settings.request_bytes as f64, 0),
            settings.duration_s,
            report.machine.cpus
        ),
        panels: vec![
            panel("throughput (requests per second)", throughput),
            panel(
                "latency (ms)",
                vec![
                    latency("P50", |latency| latency.p50),
                    latency("P95", |latency| latency.p95),
                    latency("P99", |latency| latency.p99),
                ],
            ),
        ],
    }
}

fn of(name: &str, report: &Report, value: impl Fn(&Run) -> Option<f64>) -> Series {
    Series { name: name.to_owned(), values: report.runs.iter().map(value).collect() }
}
