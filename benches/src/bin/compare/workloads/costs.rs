//! What Forge costs beside time: CPU, memory, and the wait for its start.

use std::io;

use forge_benches::Pace;
use forge_tests::Process;

use crate::client::Client;
use crate::in_process;
use crate::model::Model;
use crate::results::Results;
use crate::row::Row;
use crate::subject::Subject;
use crate::turns::{Scope, known};

use super::names;

const CONNECTIONS: usize = 50;

pub(super) async fn run(scope: &Scope, results: &mut Results) -> io::Result<()> {
    for round in 1..=scope.rounds {
        eprintln!("{}, round {round} of {}", names::COSTS, scope.rounds);
        front(Subject::Bare, names::BARE_CPU, scope, results).await?;
        front(Subject::Forge, names::ROUTER_CPU, scope, results).await?;
        worker(scope, results).await?;
    }
    Ok(())
}

/// CPU of the process that clients talk to, and of Forge's also its memory and its start.
async fn front(
    subject: Subject,
    name: &'static str,
    scope: &Scope,
    results: &mut Results,
) -> io::Result<()> {
    let model = Model::double();
    let server = subject.start(&model, &scope.folder)?;
    let client = Client { subject, model: &model, address: &server.address };
    let process = server.process();
    results.figure(name, "µs", cpu_per_request(&client, process, scope).await?);
    if subject == Subject::Forge {
        results.figure(names::START, "s", server.start.as_secs_f64());
        results.figure(names::ROUTER_MEMORY, "MB", process.own_memory() as f64 / 1e6);
    }
    Ok(())
}

/// CPU of the MLP's worker with and without batches, and its memory.
async fn worker(scope: &Scope, results: &mut Results) -> io::Result<()> {
    for (name, max_batch_size) in [(names::MLP_CPU_ALONE, 1), (names::MLP_CPU_BATCHED, 32)] {
        let model = Model { max_batch_size, ..Model::mlp() };
        let forge = Subject::Forge.start(&model, &scope.folder)?;
        let worker = forge.process().children().first().copied();
        let worker = worker.ok_or_else(|| io::Error::other("Forge has no worker"))?;
        let client = Client { subject: Subject::Forge, model: &model, address: &forge.address };
        results.figure(name, "µs", cpu_per_request(&client, worker, scope).await?);
        if max_batch_size > 1 {
            results.figure(names::WORKER_MEMORY, "MB", worker.heap() as f64 / 1e6);
            drop(forge);
            let setting = in_process::setting_of(&scope.folder.join("forge.log"))?;
            let batch = (max_batch_size, &row(&model));
            let looped = in_process::run_loop(&model, batch, setting, scope.duration)?;
            results.figure(names::BARE_MEMORY, "MB", looped.own_bytes / 1e6);
        }
    }
    Ok(())
}

/// In microseconds, under a closed loop.
async fn cpu_per_request(client: &Client<'_>, process: Process, scope: &Scope) -> io::Result<f64> {
    let known = known(client.model, &[row(client.model)])?;
    let exchanges = client.learn(&known).await?;
    client.round(&exchanges, CONNECTIONS, scope.duration / 4).await?;
    let before = process.cpu_time();
    let pace = Pace::Closed { connections: CONNECTIONS };
    let measured = client.load(&exchanges, pace, scope.duration).await?.only_right()?;
    let used = process.cpu_time().saturating_sub(before);
    Ok(used.as_secs_f64() * 1e6 / measured.answered.from_due.len() as f64)
}

fn row(model: &Model) -> Row {
    Row::features(model.shape.iter().map(|dim| dim.unsigned_abs() as usize).product())
}
