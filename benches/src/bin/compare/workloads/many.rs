//! 100 models at once, against one, under the same load.

use std::io;
use std::sync::Arc;

use crate::client::Client;
use crate::model::Model;
use crate::results::Results;
use crate::row::Row;
use crate::subject::{Forge, Subject};
use crate::turns::{Scope, known};

use super::names;

const MODELS: usize = 100;
const CONNECTIONS: usize = 50;

pub(super) async fn run(scope: &Scope, results: &mut Results) -> io::Result<()> {
    let model = Model::double();
    let known = known(&model, &[Row::features(128)])?;
    for round in 1..=scope.rounds {
        for (case, models) in [(names::ONE_MODEL, 1), (names::HUNDRED, MODELS)] {
            eprintln!("{}, round {round} of {}: {case}", names::MANY, scope.rounds);
            let forge = Forge::of(&model).copies(models).start(&scope.folder)?;
            let client = Client { subject: Subject::Forge, model: &model, address: &forge.address };
            let mut exchanges = Vec::new();
            for index in 0..models {
                let path = format!("/v1/model{index}/predict");
                exchanges.push(client.learn_one(&known[0], &path).await?);
            }
            let exchanges = Arc::from(exchanges);
            let measured = client.round(&exchanges, CONNECTIONS, scope.duration).await?;
            results.record(names::MANY, case, names::FORGE, measured);
            if models == MODELS {
                let workers = forge.process().children();
                let bytes: u64 = workers.iter().map(forge_tests::Process::heap).sum();
                let each = bytes as f64 / workers.len().max(1) as f64;
                results.figure(names::MANY_MEMORY, "MB", each / 1e6);
            }
        }
    }
    Ok(())
}
