//! Changes: carried out to the end whether or not their client stays, with their progress on the way.

use std::error::Error;

use serde::Serialize;
use serde_json::Value;
use tracing::{info, warn};

use super::code::Code;
use super::connection::{Client, to_json};
use super::timestamp::rfc3339;
use super::wire::{self, Failure};
use crate::logging::one_line;
use crate::operator::{self, Asker, Events};

/// Carries out `change` and tells the client, meanwhile, of what happens to `model`; to all models
/// where that is `None`.
pub async fn carry_out<T, E>(
    change: impl Future<Output = Result<T, E>> + Send + 'static,
    model: Option<&str>,
    events: &Events,
    client: &mut Client,
) -> Result<Value, Failure>
where
    T: Serialize + Send + 'static,
    E: Into<Failure> + Send + 'static,
{
    let (_, mut following) = events.follow();
    // A task of its own: a client that hangs up does not stop half a swap.
    let mut task = tokio::spawn(change);
    loop {
        tokio::select! {
            // What led to the outcome is told before it.
            biased;
            Some(event) = following.next() => {
                if model.is_none_or(|model| model == event.model) {
                    client.tell(event_line(&event)).await;
                }
            }
            outcome = &mut task => {
                let lost = |error| Code::Internal.failure(format!("its outcome is lost: {error}"));
                return to_json(&outcome.map_err(lost)?.map_err(Into::into)?);
            }
        }
    }
}

/// The line of the audit log about a change that is not the operator's, who writes its own.
pub fn audit(by: &Asker, what: &str, outcome: Result<(), &dyn Error>) {
    match outcome {
        Ok(()) => info!(%by, "{what}: done"),
        Err(error) => warn!(%by, "{what}: {}", one_line(&error.to_string())),
    }
}

/// An event as it is sent.
pub fn event_line(event: &operator::Event) -> wire::Event {
    wire::Event {
        sequence: event.sequence,
        time: rfc3339(event.at),
        kind: event.kind.name().to_owned(),
        model: event.model.clone(),
        version: event.version.map(|version| version.0),
        worker: event.worker,
        text: event.text.clone(),
    }
}
