//! What is served and how it does: metadata, configurations, statistics, health.

use std::sync::Arc;

use hyper::StatusCode;
use serde::Serialize;

use super::Target;
use crate::http::app::App;
use crate::http::error::HttpError;
use crate::http::reply::{self, Reply};
use crate::http::{health, models, status};
use crate::model::{Model, ModelState, Version};
use crate::v2::{self, EXTENSIONS, PLATFORM, SERVER_NAME, TensorMetadata};

/// `GET /v2`
pub fn server() -> Reply {
    #[derive(Serialize)]
    struct Server {
        name: &'static str,
        version: &'static str,
        extensions: &'static [&'static str],
    }
    let version = env!("CARGO_PKG_VERSION");
    shown(&Server { name: SERVER_NAME, version, extensions: &EXTENSIONS })
}

/// `GET /v2/health/live`: it can answer.
pub fn live() -> Reply {
    shown(&serde_json::json!({"live": true}))
}

/// `GET /v2/health/ready`: the verdict of `/health/ready`.
pub fn ready(app: &App) -> Reply {
    let (is_ready, word) = health::verdict(app);
    let mut body = serde_json::json!({"ready": is_ready});
    if !is_ready {
        body["error"] = format!("the server is not ready: {word}").into();
    }
    told(status::readiness(is_ready), &body)
}

/// `GET /v2/models`
pub fn models(app: &App) -> Reply {
    shown(&serde_json::json!({"models": app.registry.names()}))
}

/// `GET /v2/models/{model}[/versions/{version}]`
pub fn model(app: &App, target: &Target<'_>) -> Result<Reply, HttpError> {
    #[derive(Serialize)]
    struct Metadata {
        name: String,
        versions: Vec<String>,
        platform: &'static str,
        inputs: Vec<Tensor>,
        outputs: Vec<Tensor>,
    }
    let (model, version) = models::find_version(app, &target.model, target.version)?;
    let metadata = v2::metadata(&model, &version);
    Ok(shown(&Metadata {
        name: metadata.name,
        versions: match target.version {
            None => metadata.versions,
            Some(version) => vec![version.to_string()],
        },
        platform: PLATFORM,
        inputs: metadata.inputs.into_iter().map(Tensor::from).collect(),
        outputs: metadata.outputs.into_iter().map(Tensor::from).collect(),
    }))
}

/// `GET /v2/models/{model}[/versions/{version}]/ready`
pub fn model_ready(app: &App, target: &Target<'_>) -> Result<Reply, HttpError> {
    let model = models::find(app, &target.model)?;
    let is_there = target.version.is_none()
        || models::find_version(app, &target.model, target.version).is_ok();
    let (name, state) = (model.name.as_str(), model.status().state);
    let is_ready = is_there && state == ModelState::Ready;
    let mut body = serde_json::json!({"name": name, "ready": is_ready});
    if !is_ready {
        let why = if is_there { state.name() } else { "it has no such version" };
        body["error"] = format!("Model '{name}' is not ready: {why}").into();
    }
    Ok(told(status::readiness(is_ready), &body))
}

/// `GET /v2/models/{model}[/versions/{version}]/config`
pub fn configuration(app: &App, target: &Target<'_>) -> Result<Reply, HttpError> {
    let (model, version) = models::find_version(app, &target.model, target.version)?;
    let metadata = v2::metadata(&model, &version);
    Ok(shown(&v2::configuration(metadata, version.config())))
}

/// `GET /v2/models/{model}[/versions/{version}]/stats`, `GET /v2/models/stats`
pub fn statistics(app: &App, target: Option<&Target<'_>>) -> Result<Reply, HttpError> {
    #[derive(Serialize)]
    struct All {
        model_stats: Vec<v2::ModelStatistics>,
    }
    let of = |model: &Arc<Model>, version: &Version| v2::statistics(model.name.as_str(), version);
    let of_model = |model: &Arc<Model>| -> Vec<v2::ModelStatistics> {
        model.route().versions().map(|version| of(model, version)).collect()
    };
    let model_stats = match target {
        None => app.registry.models().iter().flat_map(of_model).collect(),
        Some(target) => {
            let (model, version) = models::find_version(app, &target.model, target.version)?;
            match target.version {
                None => of_model(&model),
                Some(_) => vec![of(&model, &version)],
            }
        }
    };
    Ok(shown(&All { model_stats }))
}

/// The shared memory that is registered: none.
pub fn no_regions() -> Reply {
    shown(&serde_json::json!([]))
}

/// Done. The body is empty, as Triton's is.
pub fn nothing() -> Reply {
    reply::fresh(reply::json(StatusCode::OK, ""))
}

/// An answer in JSON that tells of this very moment.
pub fn shown(value: &impl Serialize) -> Reply {
    told(StatusCode::OK, value)
}

/// An input or output as metadata has it.
#[derive(Serialize)]
struct Tensor {
    name: String,
    datatype: &'static str,
    shape: Vec<i64>,
}

impl From<TensorMetadata> for Tensor {
    fn from(tensor: TensorMetadata) -> Self {
        let (datatype, shape) = (tensor.datatype.name(), tensor.shape());
        Self { name: tensor.name, datatype, shape }
    }
}

fn told(status: StatusCode, value: &impl Serialize) -> Reply {
    // Nothing here has keys that are no strings, so it can always be written.
    let body = serde_json::to_vec(value).unwrap_or_default();
    reply::with_retry(reply::fresh(reply::json(status, body)))
}
