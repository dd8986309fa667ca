//! Models that take longer than anything around them, beside libtorch in one process.

use std::io;

use crate::in_process;
use crate::results::{Results, Round};
use crate::subject::Subject;
use crate::turns::{Plan, Scope};

use super::names;

pub(super) async fn run(plan: &Plan, scope: &Scope, results: &mut Results) -> io::Result<()> {
    plan.run(scope, results).await?;
    let full = plan.cases.iter().find(|case| case.name == names::IN_PROCESS);
    let Some(row) = full.and_then(|case| case.rows.first()) else { return Ok(()) };
    // The same setting, which Forge's worker chose.
    let setting = if scope.subjects.contains(&Subject::Forge) {
        in_process::setting_of(&scope.folder.join("forge.log"))?
    } else {
        "plain"
    };
    let rows = plan.model.max_batch_size;
    for round in 1..=scope.rounds {
        eprintln!("{}, round {round} of {}: {}", plan.workload, scope.rounds, names::LIBTORCH);
        let looped = in_process::run_loop(&plan.model, (rows, row), setting, plan.duration(scope))?;
        let micros = rows as f64 / looped.rows_per_second * 1e6;
        let round =
            Round { per_second: looped.rows_per_second, median_micros: micros, p99_micros: micros };
        results.record(plan.workload, names::IN_PROCESS, names::LIBTORCH, round);
    }
    Ok(())
}
