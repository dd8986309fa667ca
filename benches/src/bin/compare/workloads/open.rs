//! Requests at a constant rate: with room to spare, and twice as many as can be answered.

use std::io;

use forge_benches::Pace;

use crate::client::Client;
use crate::model::Model;
use crate::results::{Results, Round};
use crate::row::Row;
use crate::subject::Subject;
use crate::turns::{Scope, known};

use super::names;

/// More than Forge lets wait, so that it has something to refuse.
const IN_FLIGHT: usize = 600;

/// A rate needs longer than a closed loop to show its tail.
const LONGER: u32 = 3;

pub(super) async fn run(scope: &Scope, results: &mut Results) -> io::Result<()> {
    // It takes so long that the load generator has time to keep the pace.
    let model = Model::minilm();
    let known = known(&model, &[Row::tokens(16, 0)])?;
    for round in 1..=scope.rounds {
        eprintln!("{}, round {round} of {}: Forge", names::OPEN, scope.rounds);
        let forge = Subject::Forge.start(&model, &scope.folder)?;
        let client = Client { subject: Subject::Forge, model: &model, address: &forge.address };
        let exchanges = client.learn(&known).await?;
        let closed = 3 * model.max_batch_size;
        let capacity = client.round(&exchanges, closed, scope.duration).await?.per_second;
        results.figure(names::OPEN_CAPACITY, "requests/s", capacity);

        let open = |share: f64| Pace::Open { per_second: share * capacity, in_flight: IN_FLIGHT };
        let duration = scope.duration * LONGER;
        let measured = client.load(&exchanges, open(0.7), duration).await?.only_right()?;
        let relaxed = Round::of(&measured);
        results.record(names::OPEN, "70 % of capacity", names::FORGE, relaxed);
        results.figure(names::OPEN_TAIL, "×", relaxed.p99_micros / relaxed.median_micros);

        let measured = client.load(&exchanges, open(2.0), duration).await?;
        if measured.failures.count() > 0 {
            let kinds: Vec<String> = measured
                .failures
                .kinds()
                .map(|(kind, count, text)| format!("{count} × {kind}: {text}"))
                .collect();
            results.failed(names::OPEN, names::FORGE, kinds.join("; "));
        }
        let crowded = Round::of(&measured);
        results.record(names::OPEN, "200 % of capacity", names::FORGE, crowded);
        results.figure(names::OPEN_GOODPUT, "×", crowded.per_second / capacity);
        let refused = &measured.refused.from_sent;
        results.figure(names::OPEN_REFUSED, "requests", refused.len() as f64);
        results.figure(names::OPEN_REFUSAL, "ms", refused.max() as f64 / 1e6);
    }
    Ok(())
}
