//! One connection of a load.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Load, Verdict};
use crate::http::{Connection, Response};
use crate::waiting::Bell;

/// What the clients of a load share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) load: Load,
    pub(super) stop: Bell,
    pub(super) answered: AtomicU64,
}

/// Sends its next request when the last one is answered and its turn has come.
pub(super) struct Client {
    shared: Arc<Shared>,
    connection: Option<Connection>,
    /// Whether a connection is kept for the next request.
    keeps: bool,
    turn: Instant,
    every: Duration,
    verdict: Verdict,
}

impl Client {
    pub(super) fn new(shared: Arc<Shared>, keeps: bool, first: Instant, every: Duration) -> Self {
        let verdict = Verdict::default();
        Self { shared, connection: None, keeps, turn: first, every, verdict }
    }

    pub(super) fn run(mut self) -> Verdict {
        while !self.shared.stop.is_rung_by(self.turn) {
            self.ask();
            // Who is late does not catch up: that would be another load.
            self.turn = (self.turn + self.every).max(Instant::now());
        }
        if self.connection.is_some_and(|connection| connection.has_answer()) {
            self.verdict.surplus("a connection had an answer to no request, or was closed");
        }
        self.verdict
    }

    fn ask(&mut self) {
        let number = self.shared.load.numbers.next();
        let sent = Instant::now();
        match self.exchange(number) {
            Ok(response) => {
                self.judge(number, &response, sent.elapsed());
                let is_last = response.header("connection") == Some("close");
                self.connection = self.connection.take().filter(|_| self.keeps && !is_last);
            }
            Err(error) => {
                self.connection = None;
                self.verdict.lost(&format!("request {number}: {error}"));
            }
        }
    }

    fn exchange(&mut self, number: u64) -> std::io::Result<Response> {
        let load = &self.shared.load;
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None => self.connection.insert(Connection::try_open(load.address)?),
        };
        let headers: Vec<(&str, &str)> =
            load.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let path = format!("/v1/{}/predict", load.model);
        let zeros = ",0".repeat(load.row.saturating_sub(1));
        let body = format!("{{\"input\":[{number}{zeros}]}}");
        connection.try_request("POST", &path, &headers, body.as_bytes())?;
        connection.try_response()
    }

    fn judge(&mut self, number: u64, response: &Response, took: Duration) {
        let Shared { load, answered, .. } = &*self.shared;
        if took > load.deadline + SLACK {
            self.verdict.late(&format!("request {number} took {took:?}: {}", response.status));
        }
        if response.status != 200 {
            return self.verdict.refused(response);
        }
        match factor(number, response).filter(|factor| load.factors.contains(factor)) {
            Some(factor) => {
                let version = response.header("x-forge-version").unwrap_or_default();
                self.verdict.answered(factor, version, took);
                answered.fetch_add(1, Ordering::Relaxed);
            }
            None => self.verdict.wrong(&format!("request {number}: {}", response.text())),
        }
    }
}

/// A deadline is met by a timer of the server, and the answer still has to be written and read.
const SLACK: Duration = Duration::from_secs(2);

/// What the number was multiplied by, if it was by anything.
fn factor(number: u64, response: &Response) -> Option<i16> {
    let answer: Value = serde_json::from_slice(&response.body).ok()?;
    let product = answer["output"].get(0)?.as_f64()?;
    let factor = product / number as f64;
    let is_whole = factor.fract() == 0.0 && factor.abs() < f64::from(i16::MAX);
    is_whole.then_some(factor as i16)
}
