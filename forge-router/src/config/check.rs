//! What `forge check` prints of a config without errors.

use std::fmt::Write;

use super::cpus;
use super::memory::{RegionPlan, ResponsePayload, memory_plan};
use super::model::ModelConfig;
use super::{Config, WorkerConfig};

const HEADINGS: [&str; 8] = [
    "model",
    "workers",
    "device",
    "threads",
    "cpus",
    "request frame",
    "response frame",
    "shared memory",
];

/// The address, and for each model its workers and the shared memory they will take. `available` is
/// what the machine has for it, in bytes, where that is known.
pub fn report(config: &Config, available: Option<u64>) -> String {
    let plans: Vec<RegionPlan> = config.models.iter().map(memory_plan).collect();
    let is_learned = |plan: &RegionPlan| plan.response_payload == ResponsePayload::LearnedByLoading;
    let total = plans.iter().fold(0u64, |sum, plan| sum.saturating_add(plan.known_bytes));
    let learned = plans.iter().any(is_learned);

    let mut rows = vec![HEADINGS.map(str::to_owned)];
    rows.extend(config.models.iter().zip(&plans).map(|(model, plan)| row(model, plan)));
    rows.push(summary("total", amount(total, learned)));
    if let Some(available) = available {
        rows.push(summary("available", bytes(available)));
    }
    let server = &config.server;
    let mut text =
        format!("http://{}, models from {}\n\n", server.address, server.model_root.display());
    write_table(&mut text, &rows);
    if learned {
        text.push_str(
            "\nA response frame is sized once the model is loaded and has been run on a full batch;\n\
             its size is not known before.\n",
        );
    }
    text.push_str(
        "\nThe models were not loaded: `forge serve` shows whether they take what is declared.\n",
    );
    for note in &config.notes {
        text.push_str(&format!("\nnote: {note}\n"));
    }
    if available.is_some_and(|available| total > available) {
        text.push_str("\nwarning: this machine does not have that much memory available now\n");
    }
    text
}

fn row(model: &ModelConfig, plan: &RegionPlan) -> [String; HEADINGS.len()] {
    let (response, learned) = match plan.response_payload {
        ResponsePayload::Known(payload) => (frames(plan, payload), false),
        ResponsePayload::LearnedByLoading => ("after loading".to_owned(), true),
    };
    [
        model.name.to_string(),
        plan.workers.to_string(),
        of_workers(model, |worker| worker.device.to_string()),
        of_workers(model, |worker| worker.threads.to_string()),
        of_workers(model, |worker| match worker.cpus.as_slice() {
            [] => "any".to_owned(),
            own => cpus::format(own),
        }),
        frames(plan, plan.request_payload),
        response,
        amount(plan.known_bytes, learned),
    ]
}

fn summary(name: &str, amount: String) -> [String; HEADINGS.len()] {
    let mut row = HEADINGS.map(|_| String::new());
    row[0] = name.to_owned();
    row[HEADINGS.len() - 1] = amount;
    row
}

/// What the workers have, in their order; once where it is the same for all.
fn of_workers(model: &ModelConfig, show: impl Fn(&WorkerConfig) -> String) -> String {
    let mut shown: Vec<String> = model.workers.iter().map(show).collect();
    if shown.iter().all(|one| *one == shown[0]) {
        shown.truncate(1);
    }
    shown.join(" ")
}

fn frames(plan: &RegionPlan, payload: u64) -> String {
    format!("{} x {}", plan.frames, bytes(payload))
}

fn amount(known: u64, learned: bool) -> String {
    if learned { format!("{} + responses", bytes(known)) } else { bytes(known) }
}

fn bytes(bytes: u64) -> String {
    const KIB: f64 = 1024.0;
    // Rounding past 2^53 is far below what is shown.
    let amount = bytes as f64;
    match bytes {
        0..0x400 => format!("{bytes} B"),
        0x400..0x10_0000 => format!("{:.1} KiB", amount / KIB),
        0x10_0000..0x4000_0000 => format!("{:.1} MiB", amount / KIB.powi(2)),
        _ => format!("{:.1} GiB", amount / KIB.powi(3)),
    }
}

fn write_table(text: &mut String, rows: &[[String; HEADINGS.len()]]) {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: [usize; HEADINGS.len()] = std::array::from_fn(|column| width(column).unwrap_or(0));
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            // Writing to a string cannot fail.
            let _ = write!(line, "{cell:<width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_the_unit_that_fits() {
        for (count, shown) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (8 << 20, "8.0 MiB"),
            (3 << 29, "1.5 GiB"),
        ] {
            assert_eq!(bytes(count), shown);
        }
    }
}
