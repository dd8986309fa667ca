//! Which path and method lead where.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use hyper::body::Incoming;
use hyper::header::{EXPECT, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};
use tokio::sync::watch;
use tracing::info;

use super::app::App;
use super::docs_page::{self, Asset};
use super::error::HttpError;
use super::kserve_v1::{self, KServeV1};
use super::outgoing::Outgoing;
use super::predict::Target;
use super::reply::{self, Reply};
use super::request_id::as_text;
use super::status::Dialect;
use super::torchserve::{self, TorchServe};
use super::{body, health, metrics, models, openapi, predict, reload, segment, status, v2};
use crate::grpc;
use crate::logging::Failure;
use crate::model::VersionId;

/// What KServe's V1 protocol asks of a model.
const PREDICT: &str = ":predict";

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Route<'a> {
    Predict {
        model: Cow<'a, str>,
    },
    KServeV1(Target<'a>),
    TorchServe(Target<'a>),
    Reload {
        model: Cow<'a, str>,
    },
    Models,
    Model {
        name: Cow<'a, str>,
    },
    ModelReady {
        name: Cow<'a, str>,
    },
    /// Of the Open Inference Protocol.
    Inference(v2::Route<'a>),
    Metrics,
    Health,
    Live,
    Ready,
    Alive,
    Ping,
    OpenApi,
    DocsPage,
    DocsAsset(Asset),
    /// Another name of the docs page.
    ToDocsPage,
}

/// Who asks, by which connection.
#[derive(Clone, Debug)]
pub struct Caller {
    pub peer: SocketAddr,
    /// True once the connection takes no more requests.
    pub draining: watch::Receiver<bool>,
}

/// Answers one request; whatever happens, the answer carries the request's id.
pub async fn answer(
    app: Arc<App>,
    services: &grpc::Services,
    caller: Caller,
    request: Request<Incoming>,
) -> Response<Outgoing> {
    let began = Instant::now();
    let id = app.request_ids.of(request.headers());
    if grpc::is_call(&request) {
        let path = request.uri().path().to_owned();
        let reply = services.answer(&app, caller, request, &id).await;
        if app.settings.access_log {
            let (path, status) = (path.as_str(), grpc::code_of(reply.headers()));
            let duration_ms = began.elapsed().as_secs_f64() * 1000.0;
            info!(request_id = as_text(&id), method = "gRPC", path, status, duration_ms, "request");
        }
        return reply::named(reply.map(Outgoing::grpc), id);
    }
    let (parts, body) = request.into_parts();
    let mut reply = dispatch(&app, caller.peer, &parts, body, &id).await;
    if is_open_to_pages(&parts) {
        app.cors.allow(&parts.headers, reply.headers_mut());
    }
    if app.is_ending() {
        // Whoever keeps the connection opens the next one where it is still answered.
        reply = reply::last(reply);
    }
    if parts.method == Method::HEAD {
        // Over HTTP/2 hyper would send it.
        reply = reply::without_body(reply);
    }
    if app.settings.access_log {
        let (method, path, status) = (&parts.method, parts.uri.path(), reply.status().as_u16());
        let duration_ms = began.elapsed().as_secs_f64() * 1000.0;
        info!(request_id = as_text(&id), %method, path, status, duration_ms, "request");
    }
    reply::named(reply.map(Outgoing::from), id)
}

async fn dispatch(
    app: &Arc<App>,
    peer: SocketAddr,
    parts: &Parts,
    mut body: Incoming,
    id: &HeaderValue,
) -> Reply {
    let route = match route(parts) {
        Ok(Some(Route::Predict { model })) => {
            return predict::answer(app, parts, body, &model, id).await;
        }
        Ok(Some(Route::KServeV1(target))) => {
            return predict::answer_in(app, parts, body, &target, id, |_| Ok(KServeV1::new)).await;
        }
        Ok(Some(Route::TorchServe(target))) => {
            let prepare = |head: &Parts| Ok(TorchServe::begin(head));
            return predict::answer_in(app, parts, body, &target, id, prepare).await;
        }
        Ok(Some(Route::Reload { model })) => {
            return reload::answer(app, peer, parts, body, &model, id).await;
        }
        Ok(Some(Route::Inference(route))) => {
            return v2::answer(app, peer, parts, body, &route, id).await;
        }
        Ok(route) => route,
        Err(error) => return refuse(app, parts, &mut body, &error, "", id).await,
    };
    match route {
        None
        | Some(
            Route::Predict { .. }
            | Route::KServeV1(_)
            | Route::TorchServe(_)
            | Route::Reload { .. }
            | Route::Inference(_),
        ) => {
            let mut reply = reply::empty(status::PREFLIGHT);
            app.cors.preflight(&parts.headers, reply.headers_mut());
            reply
        }
        Some(Route::Models) => models::list(app),
        Some(Route::Model { name }) => match models::show(app, &name) {
            Ok(reply) => reply,
            Err(error) => refuse(app, parts, &mut body, &error, &name, id).await,
        },
        Some(Route::ModelReady { name }) => match health::model_ready(app, &name) {
            Ok(reply) => reply,
            Err(error) => refuse(app, parts, &mut body, &error, &name, id).await,
        },
        Some(Route::Metrics) => match metrics::show(app).await {
            Ok(reply) => reply,
            Err(error) => refuse(app, parts, &mut body, &error, "", id).await,
        },
        Some(Route::Health) => health::health(app),
        Some(Route::Live) => health::live(),
        Some(Route::Ready) => health::ready(app),
        Some(Route::Alive) => kserve_v1::alive(),
        Some(Route::Ping) => torchserve::ping(app),
        Some(Route::OpenApi) => match openapi::show(app).await {
            Ok(reply) => reply,
            Err(error) => refuse(app, parts, &mut body, &error, "", id).await,
        },
        Some(Route::DocsPage) => docs_page::page(),
        Some(Route::ToDocsPage) => docs_page::redirect(),
        Some(Route::DocsAsset(asset)) => match docs_page::asset(asset, &parts.headers).await {
            Ok(reply) => reply,
            Err(error) => refuse(app, parts, &mut body, &error, "", id).await,
        },
    }
}

/// Answers with an error, after the client has been let to finish sending where that is short.
pub(super) async fn refuse(
    app: &App,
    parts: &Parts,
    body: &mut Incoming,
    error: &HttpError,
    model: &str,
    id: &HeaderValue,
) -> Reply {
    let reply = reply::error(error, Dialect::of(parts.uri.path()));
    let cause = error.to_string();
    let status = reply.status().as_u16();
    let failure = Failure { request_id: as_text(id), model, status, cause: &cause };
    app.failures.record(&failure, Instant::now());
    // Whoever waits for "100 Continue" sends nothing once it reads the refusal instead.
    let waits_for_leave = parts.headers.contains_key(EXPECT);
    if hyper::body::Body::is_end_stream(body) || (!waits_for_leave && body::drain(body).await) {
        reply
    } else {
        reply::last(reply)
    }
}

/// Whether pages of other origins may be let read the answer: never where the server is changed.
fn is_open_to_pages(parts: &Parts) -> bool {
    let path = parts.uri.path();
    let changes = || match find(path, &parts.method) {
        Some(Route::Reload { .. }) => true,
        Some(Route::Inference(route)) => route.changes_the_server(),
        _ => false,
    };
    match Dialect::of(path) {
        Dialect::Original => path.starts_with("/v1/") && !(path.ends_with("/reload") && changes()),
        Dialect::Inference => !changes(),
        Dialect::TorchServe => false,
    }
}

/// `Ok(None)` for a preflight of a path that is open to pages.
fn route(parts: &Parts) -> Result<Option<Route<'_>>, HttpError> {
    let path = parts.uri.path();
    let Some(route) = find(path, &parts.method) else {
        return Err(HttpError::NoRoute { path: path.to_owned() });
    };
    let allow = match &route {
        Route::Predict { .. } | Route::KServeV1(_) | Route::Reload { .. } => "POST",
        Route::TorchServe(_) => "POST, PUT",
        Route::Inference(route) => route.allow(),
        _ => "GET, HEAD",
    };
    match &parts.method {
        &Method::OPTIONS if is_open_to_pages(parts) => Ok(None),
        method if allow.split(", ").any(|allowed| method == allowed) => Ok(Some(route)),
        method => {
            Err(HttpError::WrongMethod { path: path.to_owned(), method: method.clone(), allow })
        }
    }
}

fn find<'a>(path: &'a str, method: &Method) -> Option<Route<'a>> {
    let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    Some(match segments.as_slice() {
        ["v1", "models"] => Route::Models,
        // Models may be called `models`, `predict` or `reload`: the method tells which is meant.
        ["v1", "models", "predict"] if method == Method::POST => {
            Route::Predict { model: "models".into() }
        }
        ["v1", "models", "reload"] if method == Method::POST => {
            Route::Reload { model: "models".into() }
        }
        // No model's name has a colon.
        ["v1", "models", asked] if asked.ends_with(PREDICT) => {
            Route::KServeV1(target(asked.strip_suffix(PREDICT)?, None)?)
        }
        ["v1", "models", model, "versions", asked] => {
            Route::KServeV1(target(model, Some(asked.strip_suffix(PREDICT)?))?)
        }
        ["v1", "models", name] => Route::Model { name: segment::name(name)? },
        ["v1", "models", name, "ready"] => Route::ModelReady { name: segment::name(name)? },
        ["v1", model, "predict"] => Route::Predict { model: segment::name(model)? },
        ["v1", model, "reload"] => Route::Reload { model: segment::name(model)? },
        ["v2", rest @ ..] => Route::Inference(v2::find(rest)?),
        ["predictions", model] => Route::TorchServe(target(model, None)?),
        ["predictions", model, version] => {
            // TorchServe's versions are such as 1.0; Forge's are whole.
            let version = version.strip_suffix(".0").unwrap_or(version);
            Route::TorchServe(target(model, Some(version))?)
        }
        [""] => Route::Alive,
        ["ping"] => Route::Ping,
        ["metrics"] => Route::Metrics,
        ["health"] => Route::Health,
        ["health", "live"] => Route::Live,
        ["health", "ready"] => Route::Ready,
        ["openapi.json"] => Route::OpenApi,
        ["docs"] => Route::DocsPage,
        ["docs", ""] | ["redoc"] => Route::ToDocsPage,
        ["docs", name] => Route::DocsAsset(Asset::named(name)?),
        _ => return None,
    })
}

fn target<'a>(model: &'a str, version: Option<&str>) -> Option<Target<'a>> {
    let version = match version {
        Some(digits) => Some(VersionId(digits.parse().ok()?)),
        None => None,
    };
    Some(Target { model: segment::name(model)?, version })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(model: &str, version: Option<u64>) -> Target<'_> {
        Target { model: model.into(), version: version.map(VersionId) }
    }

    #[test]
    fn paths_lead_where_the_reference_says() {
        for (path, expected) in [
            ("/v1/dummy/predict", Some(Route::Predict { model: "dummy".into() })),
            ("/v1/models", Some(Route::Models)),
            ("/v1/models/dummy", Some(Route::Model { name: "dummy".into() })),
            ("/v1/models/dummy/ready", Some(Route::ModelReady { name: "dummy".into() })),
            ("/v1/models/predict", Some(Route::Model { name: "predict".into() })),
            ("/metrics", Some(Route::Metrics)),
            ("/health", Some(Route::Health)),
            ("/health/live", Some(Route::Live)),
            ("/health/ready", Some(Route::Ready)),
            ("/openapi.json", Some(Route::OpenApi)),
            ("/docs", Some(Route::DocsPage)),
            ("/docs/", Some(Route::ToDocsPage)),
            ("/redoc", Some(Route::ToDocsPage)),
            ("/docs/swagger-ui.css", Some(Route::DocsAsset(Asset::Style))),
            ("/docs/index.html", None),
            ("/docs/a/b", None),
            ("/", Some(Route::Alive)),
            ("", None),
            ("/v1//predict", None),
            ("/v1/dummy/predict/", None),
            ("/v1/dummy/reload", Some(Route::Reload { model: "dummy".into() })),
            ("/v1/models/reload", Some(Route::Model { name: "reload".into() })),
            ("/v1//reload", None),
            ("/v1/dum%6Dy/predict", Some(Route::Predict { model: "dummy".into() })),
            ("/v1/dum%6/predict", None),
            ("/v2", Some(Route::Inference(v2::Route::Server))),
            ("/v2/", None),
            ("/v2x", None),
            ("/v1/models/m:predict", Some(Route::KServeV1(of("m", None)))),
            ("/v1/models/m/versions/3:predict", Some(Route::KServeV1(of("m", Some(3))))),
            ("/v1/models/:predict", None),
            ("/v1/models/m/versions/x:predict", None),
            ("/predictions/m", Some(Route::TorchServe(of("m", None)))),
            ("/predictions/m/2", Some(Route::TorchServe(of("m", Some(2))))),
            ("/predictions/m/2.0", Some(Route::TorchServe(of("m", Some(2))))),
            ("/predictions/m/2.1", None),
            ("/ping", Some(Route::Ping)),
        ] {
            assert_eq!(find(path, &Method::GET), expected, "{path}");
        }
        let models = Some(Route::Predict { model: "models".into() });
        assert_eq!(find("/v1/models/predict", &Method::POST), models);
        let models = Some(Route::Reload { model: "models".into() });
        assert_eq!(find("/v1/models/reload", &Method::POST), models);
    }

    #[test]
    fn pages_are_offered_what_changes_nothing() {
        for (method, path, is_open) in [
            ("POST", "/v1/dummy/predict", true),
            ("GET", "/v1/models/reload", true),
            ("OPTIONS", "/v1/dummy/predict", true),
            ("OPTIONS", "/v1/dummy/reload", false),
            ("POST", "/v1/dummy/reload", false),
            ("GET", "/v1/dummy/reload", false),
            ("POST", "/v1/models/reload", false),
            ("GET", "/metrics", false),
            ("GET", "/v2", true),
            ("OPTIONS", "/v2/models/m/infer", true),
            ("POST", "/v2/models/m/infer", true),
            ("OPTIONS", "/v2/repository/models/m/load", false),
            ("POST", "/v2/repository/models/m/unload", false),
        ] {
            let request = Request::builder().method(method).uri(path).body(()).unwrap();
            let parts = request.into_parts().0;
            assert_eq!(is_open_to_pages(&parts), is_open, "{method} {path}");
            let is_preflight = matches!(route(&parts), Ok(None));
            assert_eq!(is_preflight, is_open && method == "OPTIONS", "{method} {path}");
        }
    }
}
