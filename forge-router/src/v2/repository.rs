//! The models as a repository: which there are, and what a load may say.

use serde::Serialize;

use crate::model::{Model, ModelState, Registry};
use crate::operator::OperationError;

/// A model, or a version of it, as the index has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IndexEntry {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// `READY`, `LOADING`, `UNLOADING` or `UNAVAILABLE`.
    pub state: &'static str,
    /// Why it is in no other state; empty where that goes without saying.
    pub reason: String,
}

/// Every model that is served, or that the config names, by name.
pub fn index(registry: &Registry, is_ready_only: bool) -> Vec<IndexEntry> {
    let served = registry.models();
    let unloaded = registry.configured().into_iter().filter(|configured| {
        !served.iter().any(|model| model.name.as_str() == configured.as_str())
    });
    let unloaded = unloaded.map(|name| IndexEntry {
        name,
        version: None,
        state: "UNAVAILABLE",
        reason: "unloaded".to_owned(),
    });
    let mut entries: Vec<IndexEntry> = served.iter().flat_map(|model| entries_of(model)).collect();
    entries.extend(unloaded);
    entries.retain(|entry| !is_ready_only || entry.state == "READY");
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    entries
}

/// Lets pass the parameters of a load that leave the model as Forge's config has it.
///
/// # Errors
/// [`OperationError::Invalid`] for those that stand for other settings or another file.
pub fn check_load<'a>(mut parameters: impl Iterator<Item = &'a str>) -> Result<(), OperationError> {
    let another = parameters.find(|name| *name == "config" || name.starts_with("file:"));
    match another {
        None => Ok(()),
        Some(parameter) => Err(OperationError::Invalid(format!(
            "a model is loaded from its own file with the settings of Forge's config: the \
             parameter '{parameter}' cannot be given"
        ))),
    }
}

fn entries_of(model: &Model) -> Vec<IndexEntry> {
    let status = model.status();
    let (state, reason) = match (status.state, &status.cause) {
        (ModelState::Ready, _) => ("READY", String::new()),
        (ModelState::Loading, _) => ("LOADING", String::new()),
        (ModelState::Draining, _) => ("UNLOADING", String::new()),
        (ModelState::Degraded, cause) => ("UNAVAILABLE", cause.clone().unwrap_or_default()),
    };
    let entry = |version: Option<String>| IndexEntry {
        name: model.name.to_string(),
        version,
        state,
        reason: reason.clone(),
    };
    let versions: Vec<IndexEntry> =
        model.route().versions().map(|version| entry(Some(version.id().to_string()))).collect();
    if versions.is_empty() { vec![entry(None)] } else { versions }
}
