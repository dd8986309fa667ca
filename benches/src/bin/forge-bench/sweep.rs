//! One run after another, each warmed up.

use std::sync::Arc;
use std::time::Duration;

use forge_benches::load::LoadError;
use forge_benches::model::{self, Executions};
use forge_benches::protocol::Endpoint;
use forge_benches::{Load, Pace, run};
use nix::sys::resource::{UsageWho, getrusage};

use crate::arguments::Arguments;
use crate::prepare::Prepared;
use crate::progress::Progress;
use crate::report::{Report, Run};

pub(crate) async fn sweep(arguments: &Arguments, prepared: Prepared) -> Result<Report, LoadError> {
    let paces = paces(arguments);
    let total = (arguments.warm_up + arguments.duration)
        .saturating_mul(u32::try_from(paces.len()).unwrap_or(u32::MAX));
    let progress = Progress::new(total);
    let mut runs = Vec::new();
    for pace in paces {
        let name = match pace {
            Pace::Closed { connections } => format!("{connections} at once"),
            Pace::Open { per_second, .. } => format!("{per_second} a second"),
        };
        let load = Load {
            address: prepared.endpoint.target.address.clone(),
            transport: prepared.endpoint.transport(),
            exchanges: Arc::clone(&prepared.exchanges),
            pace,
            duration: arguments.duration,
            timeout: arguments.timeout,
        };
        let warm_up = arguments.warm_up;
        runs.push(progress.during(name, one(load, warm_up, &prepared.endpoint)).await?);
    }
    drop(progress);
    Ok(Report::new(arguments, &prepared, runs))
}

fn paces(arguments: &Arguments) -> Vec<Pace> {
    if arguments.rate.is_empty() {
        let levels = arguments.concurrency.iter();
        return levels.map(|level| Pace::Closed { connections: level.0 }).collect();
    }
    let in_flight = arguments.in_flight.0;
    let rates = arguments.rate.iter();
    rates.map(|rate| Pace::Open { per_second: rate.0, in_flight }).collect()
}

async fn one(load: Load, warm_up: Duration, endpoint: &Endpoint) -> Result<Run, LoadError> {
    if !warm_up.is_zero() {
        run(&Load { duration: warm_up, ..load.clone() }).await?;
    }
    let before = executions(endpoint).await;
    let cpu_before = cpu_time();
    let measured = run(&load).await?;
    let cpu = cpu_time().saturating_sub(cpu_before);
    let after = executions(endpoint).await;
    let mean_batch = after.zip(before).and_then(|(after, before)| after.mean_batch_since(before));
    Ok(Run::new(load.pace, &measured, mean_batch, cpu))
}

/// `None` from servers that keep no statistics: there the table has no mean batch.
async fn executions(endpoint: &Endpoint) -> Option<Executions> {
    model::executions(endpoint).await.ok()
}

/// Of this process: what the load itself costs.
fn cpu_time() -> Duration {
    // It does not fail for the process itself.
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else { return Duration::ZERO };
    let micros = [usage.user_time(), usage.system_time()]
        .map(|time| time.tv_sec().saturating_mul(1_000_000).saturating_add(time.tv_usec()));
    Duration::from_micros(micros.iter().sum::<i64>().unsigned_abs())
}
