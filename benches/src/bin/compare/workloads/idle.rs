//! 1,000 connections that are kept open and ask nothing, beside 50 busy ones.

use std::io;

use forge_benches::Transport;
use forge_benches::load::Connection;

use crate::client::Client;
use crate::model::Model;
use crate::results::Results;
use crate::row::Row;
use crate::subject::Subject;
use crate::turns::{Scope, known};

use super::names;

const IDLE: usize = 1000;
const BUSY: usize = 50;

pub(super) async fn run(scope: &Scope, results: &mut Results) -> io::Result<()> {
    let model = Model::double();
    let known = known(&model, &[Row::features(128)])?;
    for round in 1..=scope.rounds {
        for subject in [Subject::Forge, Subject::Bare] {
            eprintln!("{}, round {round} of {}: {}", names::IDLE, scope.rounds, subject.name());
            let server = subject.start(&model, &scope.folder)?;
            let client = Client { subject, model: &model, address: &server.address };
            let exchanges = client.learn(&known).await?;
            let alone = client.round(&exchanges, BUSY, scope.duration).await?;
            results.record(names::IDLE, names::FIFTY, subject.name(), alone);
            let mut idle = Vec::new();
            for _ in 0..IDLE {
                let mut connection = Connection::open(&server.address, &Transport::Http1).await?;
                // One that never asked anything could be closed as a slow one.
                connection.exchange(&exchanges[0].request).await?;
                idle.push(connection);
            }
            let beside = client.round(&exchanges, BUSY, scope.duration).await?;
            results.record(names::IDLE, names::BESIDE_IDLE, subject.name(), beside);
            drop(idle);
        }
    }
    Ok(())
}
