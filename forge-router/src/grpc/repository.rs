//! The models as a repository: which there are, and their loading and unloading.

use super::call::Asked;
use super::generated::repository_index_response::ModelIndex;
use super::generated::{
    RepositoryIndexResponse, RepositoryModelLoadRequest, RepositoryModelUnloadRequest,
};
use crate::http::{App, HttpError, admin, models};
use crate::model::ModelState;
use crate::operator::{Asker, OperationError, SwapOrder};

/// Every version that answers, and every model that has none; or only what is ready.
pub fn index(app: &App, is_ready_only: bool) -> RepositoryIndexResponse {
    let mut index = Vec::new();
    for model in app.registry().models() {
        let status = model.status();
        let state = match status.state {
            ModelState::Ready => "READY",
            ModelState::Loading => "LOADING",
            ModelState::Draining => "UNLOADING",
            ModelState::Degraded => "UNAVAILABLE",
        };
        if is_ready_only && status.state != ModelState::Ready {
            continue;
        }
        let entry = |version: String| ModelIndex {
            name: model.name.to_string(),
            version,
            state: state.to_owned(),
            reason: status.cause.clone().unwrap_or_default(),
        };
        let route = model.route();
        let before = index.len();
        index.extend(route.versions().map(|version| entry(version.id().to_string())));
        if index.len() == before {
            index.push(entry(String::new()));
        }
    }
    RepositoryIndexResponse { models: index }
}

/// Loads a model again from its file, for those who may.
pub async fn load(
    app: &App,
    asked: &Asked,
    request: RepositoryModelLoadRequest,
) -> Result<(), HttpError> {
    admin::check(app, asked.call.peer, &asked.head()).await?;
    let RepositoryModelLoadRequest { model_name, parameters, .. } = request;
    let model = models::find(app, &model_name)?;
    if let Some(key) = parameters.keys().min() {
        let cause = format!("a model is loaded as it is configured: '{key}' is not taken");
        return Err(OperationError::Invalid(cause).into());
    }
    if app.is_asked_to_end() {
        return Err(OperationError::Stopping.into());
    }
    let path = model.config().path.clone();
    let order = SwapOrder { model: model_name, path, canary: None };
    app.operator().swap(order, Asker::Http(asked.call.peer)).await?;
    Ok(())
}

/// Takes a model out of service, for those who may.
pub async fn unload(
    app: &App,
    asked: &Asked,
    request: RepositoryModelUnloadRequest,
) -> Result<(), HttpError> {
    admin::check(app, asked.call.peer, &asked.head()).await?;
    let RepositoryModelUnloadRequest { model_name, parameters, .. } = request;
    // No model of Forge's depends on another.
    if let Some(key) = parameters.keys().find(|key| *key != "unload_dependents") {
        return Err(OperationError::Invalid(format!("'{key}' is not taken")).into());
    }
    models::find(app, &model_name)?;
    if app.is_asked_to_end() {
        return Err(OperationError::Stopping.into());
    }
    app.operator().unload(model_name, Asker::Http(asked.call.peer)).await?;
    Ok(())
}
