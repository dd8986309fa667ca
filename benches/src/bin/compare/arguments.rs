//! The command line.

use std::path::PathBuf;

use clap::Parser;

use crate::subject::Subject;
use crate::workloads::Workload;

/// Measures Forge beside other servers of models, one after another on this machine, with the same
/// inputs and the same load.
#[derive(Debug, Parser)]
#[command(name = "benches/compare")]
pub(crate) struct Arguments {
    /// What to measure; everything where none is named.
    pub(crate) workloads: Vec<Workload>,
    /// Whom to measure beside Forge and bare hyper.
    #[arg(long, value_enum, value_delimiter = ',', num_args = 0.., default_values_t = Subject::PEERS)]
    pub(crate) peers: Vec<Subject>,
    /// What Forge and libtorch in process run on: cpu or cuda:N. Other than the CPU, of double and resnet only,
    /// and without peers, which run on the CPU.
    #[arg(long, default_value = "cpu")]
    pub(crate) device: String,
    /// One short round of everything: whether it runs, not how fast.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Where compare.md, compare.svg, compare.json and what the servers say are written.
    #[arg(long, default_value = "target/compare")]
    pub(crate) output: PathBuf,
}
