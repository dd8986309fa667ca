//! `grpc.health.v1`: the server as a whole (`""` and the name of the inference service), and each model
//! by its name. Source: gRPC's `health-checking.md`.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::stream;
use tokio::sync::watch;
use tokio_stream::Stream;
use tonic::server::NamedService;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse, health_server};

use super::call::Asked;
use super::generated::grpc_inference_service_server::GrpcInferenceServiceServer;
use super::service::Inference;
use crate::http::{App, health};
use crate::model::ModelState;

/// The name that clients of the inference service ask for.
const SERVICE: &str = GrpcInferenceServiceServer::<Inference>::NAME;

/// Answers what is ready.
#[derive(Clone, Debug)]
pub struct Health {
    app: Arc<App>,
}

impl Health {
    pub fn new(app: &Arc<App>) -> Self {
        Self { app: Arc::clone(app) }
    }
}

#[tonic::async_trait]
impl health_server::Health for Health {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let HealthCheckRequest { service } = request.into_inner();
        match status(&self.app, &service) {
            ServingStatus::ServiceUnknown => {
                Err(Status::not_found(format!("there is no service or model '{service}'")))
            }
            status => Ok(Response::new(response(status))),
        }
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let (Asked { call, .. }, HealthCheckRequest { service }) = Asked::of(request)?;
        let changes = self.app.registry().changes();
        let watch = Watch {
            app: Arc::clone(&self.app),
            service,
            changes,
            draining: call.draining,
            told: None,
        };
        Ok(Response::new(Box::pin(stream::unfold(watch, Watch::next))))
    }
}

/// A client that is told of every change.
struct Watch {
    app: Arc<App>,
    service: String,
    changes: watch::Receiver<()>,
    draining: watch::Receiver<bool>,
    told: Option<ServingStatus>,
}

impl Watch {
    /// The next status that is another; `None` once the connection ends.
    async fn next(mut self) -> Option<(Result<HealthCheckResponse, Status>, Self)> {
        loop {
            // Marked before the look, so that a change between the two is not missed.
            self.changes.mark_unchanged();
            let status = status(&self.app, &self.service);
            if self.told != Some(status) {
                self.told = Some(status);
                return Some((Ok(response(status)), self));
            }
            tokio::select! {
                changed = self.changes.changed() => changed.ok()?,
                _ = self.draining.wait_for(|draining| *draining) => return None,
            }
        }
    }
}

fn status(app: &App, service: &str) -> ServingStatus {
    let is_ready = match service {
        "" | SERVICE => health::is_ready(app),
        model => match app.registry().find(model) {
            Some(model) => model.status().state == ModelState::Ready && !app.is_ending(),
            None => return ServingStatus::ServiceUnknown,
        },
    };
    if is_ready { ServingStatus::Serving } else { ServingStatus::NotServing }
}

fn response(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}
