//! Servers take turns: each round starts them one after the other, so that never two run, and what
//! happens to the machine meanwhile happens to all.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use forge_benches::Server;

use crate::client::{Client, Known};
use crate::in_process;
use crate::model::Model;
use crate::results::Results;
use crate::row::Row;
use crate::subject::Subject;

/// How much is measured, and of what.
#[derive(Debug)]
pub(crate) struct Scope {
    pub(crate) rounds: usize,
    pub(crate) duration: Duration,
    pub(crate) subjects: Vec<Subject>,
    /// That Forge and libtorch in process run on.
    pub(crate) device: String,
    /// For what the servers are told and what they say.
    pub(crate) folder: PathBuf,
}

/// A model under several loads.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) workload: &'static str,
    pub(crate) model: Model,
    pub(crate) cases: Vec<Case>,
    /// Whether bare hyper serves it.
    pub(crate) is_bare: bool,
    /// How much longer than others it is measured: what takes long is answered seldom.
    pub(crate) times_longer: u32,
}

/// A closed loop over some rows.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) connections: usize,
    pub(crate) rows: Vec<Row>,
    pub(crate) only_forge: bool,
}

impl Plan {
    /// Measures it; a server that fails is left out of all later rounds.
    ///
    /// # Errors
    ///
    /// Where the right answers cannot be made.
    pub(crate) async fn run(&self, scope: &Scope, results: &mut Results) -> io::Result<()> {
        let mut cases = Vec::new();
        for case in &self.cases {
            cases.push((case, known(&self.model, &case.rows)?));
        }
        for round in 1..=scope.rounds {
            for subject in scope.subjects.iter().copied() {
                let name = subject.name();
                let is_left_out = subject == Subject::Bare && !self.is_bare;
                if is_left_out || results.has_failed(self.workload, name) {
                    continue;
                }
                eprintln!("{}, round {round} of {}: {name}", self.workload, scope.rounds);
                let settings = subject.settings(&self.model);
                results.settings.insert((self.workload, subject), settings);
                if let Err(error) = self.turn(subject, &cases, scope, results).await {
                    results.failed(self.workload, name, error.to_string());
                }
            }
        }
        Ok(())
    }

    /// Of one round of one case.
    pub(crate) fn duration(&self, scope: &Scope) -> Duration {
        scope.duration * self.times_longer
    }

    async fn turn(
        &self,
        subject: Subject,
        cases: &[(&Case, Vec<Known>)],
        scope: &Scope,
        results: &mut Results,
    ) -> io::Result<()> {
        let server: Server = subject.start(&self.model, &scope.folder)?;
        let client = Client { subject, model: &self.model, address: &server.address };
        for (case, known) in cases {
            if case.only_forge && subject != Subject::Forge {
                continue;
            }
            let exchanges = client.learn(known).await?;
            let round = client.round(&exchanges, case.connections, self.duration(scope)).await?;
            results.record(self.workload, case.name, subject.name(), round);
        }
        Ok(())
    }
}

/// The rows with libtorch's own answers.
pub(crate) fn known(model: &Model, rows: &[Row]) -> io::Result<Vec<Known>> {
    let known = |row: &Row| Ok(Known { row: row.clone(), answer: in_process::answer(model, row)? });
    rows.iter().map(known).collect()
}
