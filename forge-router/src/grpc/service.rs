//! `inference.GRPCInferenceService`: each method, and where it leads.

use std::sync::Arc;

use forge_proto::*;
use tonic::{Request, Response, Status};

use super::call::Asked;
use super::error::to_status;
use super::generated::grpc_inference_service_server::GrpcInferenceService;
use super::infer::{Answered, Refused, infer};
use super::kept::Kept;
use super::{models, repository, statistics, stream};
use crate::http::{App, HttpError, health};
use crate::v2::{EXTENSIONS, SERVER_NAME};

type Answer<T> = Result<Response<T>, Status>;

/// The service, for all connections.
#[derive(Clone, Debug)]
pub struct Inference {
    app: Arc<App>,
}

impl Inference {
    pub fn new(app: &Arc<App>) -> Self {
        Self { app: Arc::clone(app) }
    }
}

#[tonic::async_trait]
impl GrpcInferenceService for Inference {
    async fn server_live(&self, _: Request<ServerLiveRequest>) -> Answer<ServerLiveResponse> {
        Ok(Response::new(ServerLiveResponse { live: true }))
    }

    async fn server_ready(&self, _: Request<ServerReadyRequest>) -> Answer<ServerReadyResponse> {
        Ok(Response::new(ServerReadyResponse { ready: health::is_ready(&self.app) }))
    }

    async fn model_ready(&self, request: Request<ModelReadyRequest>) -> Answer<ModelReadyResponse> {
        let ModelReadyRequest { name, version } = request.into_inner();
        let ready = models::is_ready(&self.app, &name, &version);
        told(ready.map(|ready| ModelReadyResponse { ready }))
    }

    async fn server_metadata(
        &self,
        _: Request<ServerMetadataRequest>,
    ) -> Answer<ServerMetadataResponse> {
        Ok(Response::new(ServerMetadataResponse {
            name: SERVER_NAME.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            extensions: EXTENSIONS.map(str::to_owned).to_vec(),
        }))
    }

    async fn model_metadata(
        &self,
        request: Request<ModelMetadataRequest>,
    ) -> Answer<ModelMetadataResponse> {
        let ModelMetadataRequest { name, version } = request.into_inner();
        told(models::metadata(&self.app, &name, &version))
    }

    async fn model_infer(&self, request: Request<Kept>) -> Answer<ModelInferResponse> {
        let (asked, Kept) = Asked::of(request)?;
        let arrived = asked.call.arrived()?;
        match infer(&self.app, &asked, arrived).await {
            Ok(Answered { response, memory }) => {
                asked.call.outbox.put(memory);
                Ok(Response::new(response))
            }
            Err(Refused { error, .. }) => Err(to_status(&error)),
        }
    }

    type ModelStreamInferStream = stream::Answers;

    async fn model_stream_infer(
        &self,
        request: Request<tonic::Streaming<Kept>>,
    ) -> Answer<Self::ModelStreamInferStream> {
        let (asked, requests) = Asked::of(request)?;
        Ok(Response::new(stream::infer_all(Arc::clone(&self.app), asked, requests)))
    }

    async fn model_config(
        &self,
        request: Request<ModelConfigRequest>,
    ) -> Answer<ModelConfigResponse> {
        let ModelConfigRequest { name, version } = request.into_inner();
        told(models::config(&self.app, &name, &version))
    }

    async fn model_statistics(
        &self,
        request: Request<ModelStatisticsRequest>,
    ) -> Answer<ModelStatisticsResponse> {
        let ModelStatisticsRequest { name, version } = request.into_inner();
        told(statistics::of(&self.app, &name, &version))
    }

    async fn repository_index(
        &self,
        request: Request<RepositoryIndexRequest>,
    ) -> Answer<RepositoryIndexResponse> {
        Ok(Response::new(repository::index(&self.app, request.into_inner().ready)))
    }

    async fn repository_model_load(
        &self,
        request: Request<RepositoryModelLoadRequest>,
    ) -> Answer<RepositoryModelLoadResponse> {
        let (asked, request) = Asked::of(request)?;
        let loaded = repository::load(&self.app, &asked, request).await;
        told(loaded.map(|()| RepositoryModelLoadResponse {}))
    }

    async fn repository_model_unload(
        &self,
        request: Request<RepositoryModelUnloadRequest>,
    ) -> Answer<RepositoryModelUnloadResponse> {
        let (asked, request) = Asked::of(request)?;
        let unloaded = repository::unload(&self.app, &asked, request).await;
        told(unloaded.map(|()| RepositoryModelUnloadResponse {}))
    }

    async fn system_shared_memory_status(
        &self,
        _: Request<SystemSharedMemoryStatusRequest>,
    ) -> Answer<SystemSharedMemoryStatusResponse> {
        Ok(Response::new(SystemSharedMemoryStatusResponse::default()))
    }

    async fn system_shared_memory_register(
        &self,
        _: Request<SystemSharedMemoryRegisterRequest>,
    ) -> Answer<SystemSharedMemoryRegisterResponse> {
        Err(not_offered("shared memory"))
    }

    /// Nothing is registered, so nothing is left to be taken back; perf_analyzer insists on it.
    async fn system_shared_memory_unregister(
        &self,
        _: Request<SystemSharedMemoryUnregisterRequest>,
    ) -> Answer<SystemSharedMemoryUnregisterResponse> {
        Ok(Response::new(SystemSharedMemoryUnregisterResponse {}))
    }

    async fn cuda_shared_memory_status(
        &self,
        _: Request<CudaSharedMemoryStatusRequest>,
    ) -> Answer<CudaSharedMemoryStatusResponse> {
        Ok(Response::new(CudaSharedMemoryStatusResponse::default()))
    }

    async fn cuda_shared_memory_register(
        &self,
        _: Request<CudaSharedMemoryRegisterRequest>,
    ) -> Answer<CudaSharedMemoryRegisterResponse> {
        Err(not_offered("shared memory of devices"))
    }

    async fn cuda_shared_memory_unregister(
        &self,
        _: Request<CudaSharedMemoryUnregisterRequest>,
    ) -> Answer<CudaSharedMemoryUnregisterResponse> {
        Ok(Response::new(CudaSharedMemoryUnregisterResponse {}))
    }

    async fn trace_setting(&self, _: Request<TraceSettingRequest>) -> Answer<TraceSettingResponse> {
        Err(not_offered("tracing"))
    }

    async fn log_settings(&self, _: Request<LogSettingsRequest>) -> Answer<LogSettingsResponse> {
        Err(not_offered("a change of the log"))
    }
}

fn told<T>(outcome: Result<T, HttpError>) -> Answer<T> {
    outcome.map(Response::new).map_err(|error| to_status(&error))
}

fn not_offered(what: &str) -> Status {
    Status::unimplemented(format!("{what} is not offered over gRPC"))
}
