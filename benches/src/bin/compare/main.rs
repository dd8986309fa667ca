//! Forge beside other servers of models: the same inputs and the same load on one machine, one server
//! after another, and ratios as the result.
//!
//! ```text
//! Workload ─► Plan (Model, Cases) ─► turns: Subject::start ─► Client: learn, load ─► Results ─► goals ─► report
//! ```

#![forbid(unsafe_code)]

mod arguments;
mod client;
mod goals;
mod in_process;
mod machine;
mod model;
mod protocol;
mod report;
mod results;
mod row;
mod subject;
mod turns;
mod workloads;

use std::io;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use arguments::Arguments;
use machine::Machine;
use report::Report;
use results::Results;
use subject::Subject;
use turns::Scope;
use workloads::Workload;

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let Arguments { workloads, peers, device, quick, output } = Arguments::parse();
    let machine = Machine::look()?;
    std::fs::create_dir_all(&output)?;
    let (rounds, seconds) = if quick { (1, 1.0) } else { (5, 2.0) };
    let mut subjects = vec![Subject::Forge, Subject::Bare];
    if device == "cpu" {
        subjects.extend(peers);
    }
    subjects.dedup();
    let scope = Scope {
        rounds,
        duration: Duration::from_secs_f64(seconds),
        subjects,
        device,
        folder: output.canonicalize()?,
    };
    let mut results = Results::default();
    let all = Workload::value_variants();
    for workload in if workloads.is_empty() { all } else { &workloads } {
        if let Err(error) = workload.run(&scope, &mut results).await {
            results.failed(workload.name(), "all of it", error.to_string());
        }
    }
    let goals = goals::goals(&results);
    let scope = format!("median (lowest–highest) of {rounds} rounds of {seconds} s");
    Report { machine: &machine, results: &results, goals: &goals, scope }.write(&output)
}
