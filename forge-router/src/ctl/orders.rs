//! The requests that change one model.

use super::changes::carry_out;
use super::code::Code;
use super::commands::{Answer, Session};
use super::reports;
use super::wire::{Aborted, Scaled, Unloaded};
use crate::operator::{Asker, LoadOrder, OperationError, Operator, Share, SwapOrder};

pub async fn load(
    session: &mut Session<'_>,
    model: String,
    path: String,
    settings: toml::Table,
) -> Answer {
    let order = LoadOrder { name: model.clone(), path: path.into(), settings };
    let load = |operator: Operator, by| async move {
        operator.load(order, by).await.map(reports::swapped)
    };
    change(session, model, load).await
}

pub async fn unload(session: &mut Session<'_>, model: String) -> Answer {
    let name = model.clone();
    let unload = |operator: Operator, by| async move {
        operator.unload(name.clone(), by).await.map(|()| Unloaded { model: name })
    };
    change(session, model, unload).await
}

pub async fn swap(
    session: &mut Session<'_>,
    model: String,
    path: String,
    canary: Option<String>,
) -> Answer {
    let share = |text: String| {
        let share: Result<Share, _> = text.parse();
        share.map_err(|error| Code::Invalid.failure(format!("canary: {error}")))
    };
    let canary = canary.map(share).transpose()?;
    let order = SwapOrder { model: model.clone(), path: path.into(), canary };
    let swap = |operator: Operator, by| async move {
        operator.swap(order, by).await.map(reports::swapped)
    };
    change(session, model, swap).await
}

pub async fn rollback(session: &mut Session<'_>, model: String) -> Answer {
    let name = model.clone();
    let rollback = |operator: Operator, by| async move {
        operator.rollback(name, by).await.map(reports::swapped)
    };
    change(session, model, rollback).await
}

pub async fn promote(session: &mut Session<'_>, model: String) -> Answer {
    let name = model.clone();
    let promote = |operator: Operator, by| async move {
        operator.promote(name, by).await.map(reports::swapped)
    };
    change(session, model, promote).await
}

pub async fn abort(session: &mut Session<'_>, model: String) -> Answer {
    let name = model.clone();
    let abort = |operator: Operator, by| async move {
        let version = operator.abort(name.clone(), by).await?;
        Ok(Aborted { model: name, version: version.0 })
    };
    change(session, model, abort).await
}

pub async fn scale(session: &mut Session<'_>, model: String, workers: u32) -> Answer {
    let name = model.clone();
    let scale = |operator: Operator, by| async move {
        operator.scale(name.clone(), workers, by).await.map(|()| Scaled { model: name, workers })
    };
    change(session, model, scale).await
}

async fn change<T, F>(
    session: &mut Session<'_>,
    model: String,
    order: impl FnOnce(Operator, Asker) -> F,
) -> Answer
where
    T: serde::Serialize + Send + 'static,
    F: Future<Output = Result<T, OperationError>> + Send + 'static,
{
    let Session { control, by, client } = session;
    let order = order(control.operator.clone(), by.clone());
    carry_out(order, Some(&model), control.operator.events(), client).await
}
