//! What every request does. Those about one model are in `orders`.

use std::error::Error;
use std::sync::Arc;

use serde_json::Value;
use tracing::Level as LineLevel;

use super::changes::{audit, carry_out, event_line};
use super::code::Code;
use super::connection::{Client, to_json};
use super::server::Server;
use super::settings::Settings;
use super::wire::{Failure, InPhase, LogLevel, Models, Request, Status, Workers};
use super::{orders, reports};
use crate::logging::{Level, LevelHandle};
use crate::operator::{Asker, Operator};

/// All that the clients of a control socket reach.
#[derive(Debug)]
pub struct Control {
    pub operator: Operator,
    pub settings: Arc<Settings>,
    pub log_level: LevelHandle,
    pub server: Arc<dyn Server>,
}

/// Who asks, and what can be reached for it.
#[derive(Debug)]
pub struct Session<'a> {
    pub control: &'a Control,
    pub by: &'a Asker,
    pub client: &'a mut Client,
}

pub type Answer = Result<Value, Failure>;

/// Does what is asked; what happens meanwhile is told to the client.
pub async fn answer(mut session: Session<'_>, request: Request) -> Answer {
    let session = &mut session;
    match request {
        Request::Status {} => status(session).await,
        Request::Models {} => models(session).await,
        Request::Workers {} => workers(session).await,
        Request::Load { model, path, settings } => {
            orders::load(session, model, path, settings).await
        }
        Request::Unload { model } => orders::unload(session, model).await,
        Request::Swap { model, path, canary } => orders::swap(session, model, path, canary).await,
        Request::Rollback { model } => orders::rollback(session, model).await,
        Request::Promote { model } => orders::promote(session, model).await,
        Request::Abort { model } => orders::abort(session, model).await,
        Request::Scale { model, workers } => orders::scale(session, model, workers).await,
        Request::Drain { off } => drain(session, off).await,
        Request::Events { follow } => events(session, follow).await,
        Request::ConfigShow {} => to_json(&session.control.settings.show()),
        Request::ConfigReload {} => config_reload(session).await,
        Request::LogLevel { level } => log_level(session, level.as_deref()),
        Request::Shutdown { now } => shutdown(session, now),
    }
}

async fn status(session: &Session<'_>) -> Answer {
    let report = session.control.operator.report().await?;
    let server = session.control.server.status();
    to_json(&Status { server, models: reports::models(&report) })
}

async fn models(session: &Session<'_>) -> Answer {
    let report = session.control.operator.report().await?;
    to_json(&Models { models: reports::models(&report) })
}

async fn workers(session: &Session<'_>) -> Answer {
    let report = session.control.operator.report().await?;
    to_json(&Workers { workers: reports::workers(&report) })
}

/// The kept events; of a follower those to come, too, until it leaves, asks for something else, or the
/// server ends.
async fn events(session: &mut Session<'_>, follow: bool) -> Answer {
    let (kept, mut following) = session.control.operator.events().follow();
    for event in kept {
        session.client.tell(event_line(&event)).await;
    }
    while follow && !session.client.is_gone() {
        let event = tokio::select! {
            event = following.next() => event,
            () = session.client.turned_away() => None,
        };
        let Some(event) = event else { break };
        session.client.tell(event_line(&event)).await;
    }
    Ok(nothing())
}

async fn config_reload(session: &mut Session<'_>) -> Answer {
    let Session { control, by, client } = session;
    let (settings, by) = (Arc::clone(&control.settings), by.clone());
    let reload = async move { settings.reload(by).await.map(reports::reloaded) };
    carry_out(reload, None, control.operator.events(), client).await
}

/// Returns once everything admitted before has been answered.
async fn drain(session: &Session<'_>, off: bool) -> Answer {
    let Session { control, by, .. } = session;
    control.server.drain(!off);
    audit(by, if off { "drain --off" } else { "drain" }, Ok(()));
    if !off {
        control.server.idle().await;
    }
    to_json(&InPhase { phase: control.server.status().phase })
}

fn shutdown(session: &Session<'_>, now: bool) -> Answer {
    let Session { control, by, .. } = session;
    audit(by, if now { "shutdown --now" } else { "shutdown" }, Ok(()));
    control.server.end(now);
    Ok(nothing())
}

fn nothing() -> Value {
    Value::Object(serde_json::Map::new())
}

fn log_level(session: &Session<'_>, level: Option<&str>) -> Answer {
    let Session { control, by, .. } = session;
    if let Some(level) = level {
        let level: Level =
            level.parse().map_err(|error| Code::Invalid.failure(format!("{error}")))?;
        set_log_level(&control.log_level, level, by)?;
    }
    to_json(&LogLevel { level: control.log_level.get().to_string() })
}

/// The line about it is written while such lines are: before a change that ends that, else after.
fn set_log_level(handle: &LevelHandle, level: Level, by: &Asker) -> Result<(), Failure> {
    let is_written = tracing::enabled!(LineLevel::INFO);
    let what = format!("log-level {level}");
    if is_written {
        audit(by, &what, Ok(()));
    }
    let outcome = handle.set(level);
    if !is_written || outcome.is_err() {
        audit(by, &what, outcome.as_ref().copied().map_err(|error| error as &dyn Error));
    }
    outcome.map_err(|error| Code::Internal.failure(error.to_string()))
}
