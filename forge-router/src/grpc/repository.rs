//! The models as a repository: which there are, and their loading and unloading for those who may.

use forge_proto::repository_index_response::ModelIndex;
use forge_proto::{
    RepositoryIndexResponse, RepositoryModelLoadRequest, RepositoryModelUnloadRequest,
};

use super::call::Asked;
use crate::http::{App, HttpError, admin, models};
use crate::operator::Asker;
use crate::v2;

/// Every model that is served, or that the config names; or only what is ready.
pub fn index(app: &App, is_ready_only: bool) -> RepositoryIndexResponse {
    let entries = v2::index(app.registry(), is_ready_only).into_iter();
    let models = entries.map(|entry| ModelIndex {
        name: entry.name,
        version: entry.version.unwrap_or_default(),
        state: entry.state.to_owned(),
        reason: entry.reason,
    });
    RepositoryIndexResponse { models: models.collect() }
}

/// Loads what a model's file holds now; a model that the config names and that was unloaded is served
/// again.
pub async fn load(
    app: &App,
    asked: &Asked,
    request: RepositoryModelLoadRequest,
) -> Result<(), HttpError> {
    check(app, asked).await?;
    let RepositoryModelLoadRequest { model_name, parameters, .. } = request;
    v2::check_load(parameters.keys().map(String::as_str))?;
    app.operator().refresh(model_name, Asker::Http(asked.call.peer)).await?;
    Ok(())
}

/// Takes a model out of service; what it has admitted is answered before. No model depends on another,
/// so that `unload_dependents` changes nothing.
pub async fn unload(
    app: &App,
    asked: &Asked,
    request: RepositoryModelUnloadRequest,
) -> Result<(), HttpError> {
    check(app, asked).await?;
    models::find(app, &request.model_name)?;
    app.operator().unload(request.model_name, Asker::Http(asked.call.peer)).await?;
    Ok(())
}

async fn check(app: &App, asked: &Asked) -> Result<(), HttpError> {
    admin::check(app, asked.call.peer, &asked.head()).await?;
    Ok(app.check_takes_changes()?)
}
