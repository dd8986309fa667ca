//! `GET /v1/models` and `GET /v1/models/{model}`.

use std::sync::Arc;

use hyper::StatusCode;

use super::app::App;
use super::error::HttpError;
use super::reply::{self, Reply};
use crate::json::{write_list, write_object, write_string};
use crate::model::{Model, ModelState, Version, VersionId};
use crate::request::RequestError;
use crate::tensor::ArgumentKind;

/// Every model by name, as the original listed them: `queue_depth` and `status`.
pub fn list(app: &App) -> Reply {
    let mut body = Vec::new();
    write_all(app, &mut body);
    reply::fresh(reply::json(StatusCode::OK, body))
}

/// One model with its inputs, its batching and its workers.
pub fn show(app: &App, name: &str) -> Result<Reply, HttpError> {
    let model = find(app, name)?;
    let mut body = Vec::new();
    body.extend_from_slice(b"{\"name\":");
    write_string(&mut body, model.name.as_str());
    body.push(b',');
    write_summary(&model, &mut body);
    if let Some(version) = model.version() {
        body.extend_from_slice(format!(",\"version\":{}", version.id()).as_bytes());
        write_inputs(&version, &mut body);
    }
    if let Some(canary) = &model.route().canary {
        let (version, share) = (canary.version.id(), canary.share.fraction());
        let canary = format!(",\"canary\":{{\"version\":{version},\"share\":{share}}}");
        body.extend_from_slice(canary.as_bytes());
    }
    write_kserve(&model, &mut body);
    let config = model.config();
    body.extend_from_slice(
        format!(
            ",\"batching\":{{\"max_batch_size\":{},\"batch_window_ms\":{},\"max_queue_depth\":{},\
             \"request_timeout_s\":{}}}",
            config.max_batch_size,
            config.batch_window.as_secs_f64() * 1000.0,
            config.max_queue_depth,
            config.request_timeout.as_secs_f64(),
        )
        .as_bytes(),
    );
    body.extend_from_slice(b",\"workers\":");
    write_list(&mut body, model.status().workers.iter(), |body, state| write_string(body, state));
    body.push(b'}');
    Ok(reply::fresh(reply::json(StatusCode::OK, body)))
}

/// The model of that name, or the error that lists the names there are.
pub fn find(app: &App, name: &str) -> Result<Arc<Model>, HttpError> {
    app.registry.find(name).ok_or_else(|| HttpError::UnknownModel {
        name: name.to_owned(),
        registered: app.registry.names(),
    })
}

/// The model and the version of it that is named; the stable one where none is.
///
/// # Errors
/// [`HttpError::UnknownModel`], [`RequestError::NotReady`], [`RequestError::UnknownVersion`].
pub fn find_version(
    app: &App,
    name: &str,
    version: Option<VersionId>,
) -> Result<(Arc<Model>, Arc<Version>), HttpError> {
    let model = find(app, name)?;
    let route = model.route();
    let Some(stable) = &route.stable else {
        let (name, state) = (model.name.to_string(), model.status().state.name().to_owned());
        return Err(RequestError::NotReady { model: name, state }.into());
    };
    let named = version.unwrap_or(stable.id());
    let version = route.versions().find(|version| version.id() == named).cloned();
    let version = version.ok_or_else(|| {
        let available: Vec<String> =
            route.versions().map(|version| version.id().to_string()).collect();
        let (model, available) = (model.name.to_string(), available.join(", "));
        RequestError::UnknownVersion { model, version: named.0, available }
    })?;
    Ok((model, version))
}

/// `{"<name>": {"queue_depth": …, "status": …}, …}`
pub fn write_all(app: &App, body: &mut Vec<u8>) {
    let models = app.registry.models();
    let named = models.iter().map(|model| (model.name.as_str(), model));
    write_object(body, named, |body, model| {
        body.push(b'{');
        write_summary(model, body);
        body.push(b'}');
    });
}

fn write_summary(model: &Model, body: &mut Vec<u8>) {
    let status = model.status();
    let waiting = model.version().map_or(0, |version| version.waiting());
    body.extend_from_slice(format!("\"queue_depth\":{waiting},\"status\":").as_bytes());
    write_string(body, status.state.name());
    if let Some(cause) = &status.cause {
        body.extend_from_slice(b",\"cause\":");
        write_string(body, cause);
    }
}

/// What clients of KServe's V1 protocol and of TensorFlow Serving read.
fn write_kserve(model: &Model, body: &mut Vec<u8>) {
    let is_ready = model.status().state == ModelState::Ready;
    body.extend_from_slice(format!(",\"ready\":{is_ready},\"model_version_status\":").as_bytes());
    write_list(body, model.route().versions(), |body, version| {
        let version = version.id();
        let status = format!(
            "{{\"version\":\"{version}\",\"state\":\"AVAILABLE\",\
             \"status\":{{\"error_code\":\"OK\",\"error_message\":\"\"}}}}"
        );
        body.extend_from_slice(status.as_bytes());
    });
}

fn write_inputs(version: &Version, body: &mut Vec<u8>) {
    body.extend_from_slice(b",\"inputs\":");
    write_list(body, version.interface().inputs().iter(), |body, input| {
        body.extend_from_slice(b"{\"name\":");
        write_string(body, input.name());
        body.extend_from_slice(b",\"type\":");
        write_string(body, &input.type_name());
        if let Some(default) = input.default() {
            body.extend_from_slice(b",\"default\":");
            write_string(body, default);
        }
        match input.declared() {
            None if *input.kind() != ArgumentKind::Tensor => body.push(b'}'),
            None => body.extend_from_slice(b",\"dtype\":null,\"shape\":null}"),
            Some(declared) => {
                body.extend_from_slice(b",\"dtype\":");
                write_string(body, declared.dtype.name());
                body.extend_from_slice(b",\"shape\":");
                write_list(body, declared.shape.iter(), |body, dim| {
                    let dim = dim.map_or("-1".to_owned(), |dim| dim.to_string());
                    body.extend_from_slice(dim.as_bytes());
                });
                body.push(b'}');
            }
        }
    });
}
