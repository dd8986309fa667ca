//! One client: its requests in, their answers out.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::{debug, warn};

use super::code::Code;
use super::commands::{self, Control, Session};
use super::lines::{LineError, Lines};
use super::peer;
use super::wire::{Event, Failure, LONGEST_REQUEST, Reply, Request};

/// How long a client may send nothing.
const IDLE: Duration = Duration::from_secs(30);

/// How long a client may leave a line unread.
const UNREAD: Duration = Duration::from_secs(10);

/// Answers the requests of one client until it goes, sends nothing or the server ends.
pub async fn serve(stream: UnixStream, control: Arc<Control>, ending: watch::Receiver<bool>) {
    let asker = peer::asker(&stream);
    let mut client = Client::new(stream, ending);
    let by = match asker {
        Ok(by) => by,
        Err(refusal) => {
            warn!("control socket: {}", refusal.message);
            return client.fail(refusal).await;
        }
    };
    while let Some(request) = client.next_request().await {
        let outcome = match request {
            Ok(request) => {
                let session = Session { control: &control, by: &by, client: &mut client };
                commands::answer(session, request).await
            }
            Err(refusal) => Err(refusal),
        };
        match outcome {
            Ok(answer) => client.send(&Reply::Ok(answer)).await,
            Err(refusal) => client.fail(refusal).await,
        }
    }
}

/// The other end of a connection.
#[derive(Debug)]
pub struct Client {
    lines: Lines<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    ending: watch::Receiver<bool>,
    /// It does not read any more; what it asked for goes on.
    is_gone: bool,
}

impl Client {
    pub fn new(stream: UnixStream, ending: watch::Receiver<bool>) -> Self {
        let (reader, writer) = stream.into_split();
        Self { lines: Lines::new(reader, LONGEST_REQUEST), writer, ending, is_gone: false }
    }

    /// What it asks next, or why that cannot be read; `None` once the connection is over.
    async fn next_request(&mut self) -> Option<Result<Request, Failure>> {
        if self.is_gone {
            return None;
        }
        let line = tokio::select! {
            line = timeout(IDLE, self.lines.next()) => line,
            _ = self.ending.wait_for(|ending| *ending) => return None,
        };
        match line {
            Ok(Ok(line)) => line.map(|line| read(&line)),
            Ok(Err(LineError::TooLong(longest))) => {
                let message = format!("a request has at most {longest} bytes");
                self.fail(Code::BadRequest.failure(message)).await;
                None
            }
            Ok(Err(LineError::Io(error))) => {
                debug!(%error, "a client of the control socket cannot be read");
                None
            }
            Err(_) => None,
        }
    }

    pub async fn tell(&mut self, event: Event) {
        self.send(&Reply::Event(event)).await;
    }

    pub async fn fail(&mut self, failure: Failure) {
        self.send(&Reply::Error(failure)).await;
    }

    /// Whether it can still be told anything.
    pub fn is_gone(&self) -> bool {
        self.is_gone
    }

    /// Resolves once it asks for something else or sends no more, or the server ends.
    pub async fn turned_away(&mut self) {
        tokio::select! {
            () = self.lines.stirred() => {}
            _ = self.ending.wait_for(|ending| *ending) => {}
        }
    }

    async fn send(&mut self, reply: &Reply) {
        if self.is_gone {
            return;
        }
        let mut line = match serde_json::to_vec(reply) {
            Ok(line) => line,
            Err(error) => {
                warn!(%error, "an answer to a client of the control socket cannot be written");
                self.is_gone = true;
                return;
            }
        };
        line.push(b'\n');
        let written = timeout(UNREAD, self.writer.write_all(&line)).await;
        self.is_gone = !matches!(written, Ok(Ok(())));
    }
}

fn read(line: &[u8]) -> Result<Request, Failure> {
    let refuse =
        |cause: &dyn Display| Code::BadRequest.failure(format!("this is no request: {cause}"));
    // serde would take a list of the fields, too.
    if line.trim_ascii_start().first() != Some(&b'{') {
        return Err(refuse(&"expected an object in one line"));
    }
    serde_json::from_slice(line).map_err(|error| refuse(&error))
}

/// The answer as it is sent.
pub fn to_json<T: serde::Serialize>(answer: &T) -> Result<Value, Failure> {
    serde_json::to_value(answer).map_err(|error| Code::Internal.failure(error.to_string()))
}
