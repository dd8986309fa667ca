//! What becomes of requests, while they are sent.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::Shared;
use super::connection::Connection;
use super::exchange::{Exchange, Status};
use super::measured::{Failure, Failures, Latencies, Measured, new_histogram, record};
use super::patience::Patience;

/// So long nothing is sent after a server would not be connected to.
const PAUSE: Duration = Duration::from_millis(10);

/// The moments of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) due: Instant,
    pub(super) sent: Instant,
}

#[derive(Debug)]
pub(super) struct Recorder {
    answered: Latencies,
    refused: Latencies,
    failed: Latencies,
    failures: Failures,
    lateness: Histogram<u64>,
    last: Option<Instant>,
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            answered: Latencies::new(),
            refused: Latencies::new(),
            failed: Latencies::new(),
            failures: Failures::default(),
            lateness: new_histogram(),
            last: None,
        }
    }
}

impl Recorder {
    fn answered(&mut self, sent: Sent, now: Instant) {
        self.ended(sent, now);
        self.answered.record(sent.due, sent.sent, now);
    }

    fn refused(&mut self, sent: Sent, now: Instant) {
        self.ended(sent, now);
        self.refused.record(sent.due, sent.sent, now);
    }

    pub(super) fn failed(
        &mut self,
        sent: Sent,
        now: Instant,
        failure: Failure,
        text: impl FnOnce() -> String,
    ) {
        self.ended(sent, now);
        self.failed.record(sent.due, sent.sent, now);
        self.failures.add(failure, text);
    }

    fn ended(&mut self, Sent { due, sent }: Sent, now: Instant) {
        if sent != due {
            record(&mut self.lateness, sent.saturating_duration_since(due));
        }
        self.last = Some(now);
    }

    pub(super) fn finish(self, began: Instant) -> Measured {
        let Self { answered, refused, failed, failures, lateness, last } = self;
        let last = last.unwrap_or_else(Instant::now);
        let seconds = last.saturating_duration_since(began).as_secs_f64();
        Measured { seconds, answered, refused, failed, failures, lateness }
    }
}

impl Shared {
    /// Sends one request and records what becomes of it. A connection that broke is opened again
    /// for the next one.
    pub(super) async fn exchange(
        &self,
        place: &mut Option<Connection>,
        patience: &mut Patience,
        exchange: &Exchange,
        sent: Sent,
    ) {
        let answered = self.answer(place, exchange, sent);
        let Some(failure) = patience.wait(sent.sent, answered).await else {
            *place = None;
            let text = || format!("no answer within {:?}", self.load.timeout);
            let now = Instant::now();
            return self.record(|recorder| recorder.failed(sent, now, Failure::TimedOut, text));
        };
        if let Err(error) = failure {
            *place = None;
            let now = Instant::now();
            let text = || error.to_string();
            self.record(|recorder| recorder.failed(sent, now, Failure::Broken, text));
        }
    }

    async fn answer(
        &self,
        place: &mut Option<Connection>,
        exchange: &Exchange,
        sent: Sent,
    ) -> std::io::Result<()> {
        let connection = match place {
            Some(connection) if connection.is_open() => connection,
            _ => place.insert(self.connect_again().await?),
        };
        let answer = connection.exchange(&exchange.request).await?;
        let now = Instant::now();
        let failure = match answer.status {
            Status::Success => match exchange.expected.check(&answer) {
                Ok(()) => {
                    self.record(|recorder| recorder.answered(sent, now));
                    return Ok(());
                }
                Err(text) => (Failure::Wrong, text),
            },
            Status::Refused => {
                self.record(|recorder| recorder.refused(sent, now));
                return Ok(());
            }
            Status::Http(code) => (Failure::Http(code), lossy(answer.body)),
            Status::Grpc(code) => (Failure::Grpc(code), lossy(answer.body)),
        };
        let (failure, text) = failure;
        self.record(|recorder| recorder.failed(sent, now, failure, || text));
        Ok(())
    }

    async fn connect_again(&self) -> std::io::Result<Connection> {
        let opened = Connection::open(&self.load.address, &self.load.transport).await;
        if opened.is_err() {
            // Or a closed loop would count how fast a dead server refuses.
            tokio::time::sleep(PAUSE).await;
        }
        opened
    }
}

fn lossy(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned()
}
