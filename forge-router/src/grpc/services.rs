//! Which path leads to which service, and what goes around each call.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Request, Response, Version};
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::{Code, Status};
use tonic_health::pb::health_server::HealthServer;
use tonic_reflection::server::v1::ServerReflectionServer;
use tonic_reflection::server::v1alpha;
use tower_service::Service;
use tracing::error;

use super::call::Call;
use super::generated::grpc_inference_service_server::GrpcInferenceServiceServer;
use super::health::Health;
use super::meter::{Keep, Manner, Metered};
use super::outbox::{Counted, Outbox};
use super::service::Inference;
use crate::http::{App, Caller, Encoding};

/// What begins the content type of every call: `application/grpc`, `application/grpc+proto`.
const CONTENT: &[u8] = b"application/grpc";

/// The methods whose clients send more than one message, by their last segment.
const STREAMS: [&str; 2] = ["ModelStreamInfer", "ServerReflectionInfo"];

/// Those whose messages may be compressed.
const INFERENCE: [&str; 2] = ["ModelInfer", "ModelStreamInfer"];

/// How the messages are compressed that say that they are.
const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");

/// The services of a server.
pub struct Services {
    by_name: Vec<(&'static str, Handler)>,
}

type Handler = Box<dyn Fn(Request<Metered>) -> Answered + Send + Sync>;
type Answered = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

/// Whether a request is a gRPC call, not one of HTTP's.
pub fn is_call<B>(request: &Request<B>) -> bool {
    let content = request.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    request.version() == Version::HTTP_2
        && request.method() == Method::POST
        && content.is_some_and(|content| content.starts_with(CONTENT))
}

/// The status that an answer begins with: that of a refusal; else 0, and the last word follows.
pub fn code_of(head: &HeaderMap) -> i32 {
    let code = head.get("grpc-status").map(|code| Code::from_bytes(code.as_bytes()));
    code.unwrap_or(Code::Ok).into()
}

impl Services {
    pub fn new(app: &Arc<App>) -> Self {
        let inference = GrpcInferenceServiceServer::new(Inference::new(app))
            .max_decoding_message_size(app.body_bounds().max_bytes)
            // Bounded by the memory for requests in flight, as HTTP's.
            .max_encoding_message_size(usize::MAX);
        let mut by_name = vec![handler(inference), handler(HealthServer::new(Health::new(app)))];
        by_name.extend(reflection());
        Self { by_name }
    }

    /// Answers one call.
    pub async fn answer(
        &self,
        app: &Arc<App>,
        caller: Caller,
        request: Request<Incoming>,
        id: &HeaderValue,
    ) -> Response<Counted> {
        let path = request.uri().path();
        let mut segments = path.trim_start_matches('/').split('/');
        let (service, method) = (segments.next(), segments.next());
        let found = self.by_name.iter().find(|(name, _)| Some(*name) == service);
        let Some((_, handler)) = found else {
            let status = Status::unimplemented(format!("there is no service for {path}"));
            return status.into_http::<Body>().map(|body| Counted::new(body, Outbox::default()));
        };
        let is_stream = method.is_some_and(|method| STREAMS.contains(&method));
        let is_infer = method.is_some_and(|method| INFERENCE.contains(&method));
        let encoding = encoding_of(request.headers()).filter(|_| is_infer);
        let (told, told_id) = (Arc::clone(app), id.clone());
        let manner = Manner {
            draining: is_stream.then(|| caller.draining.clone()),
            keep: match (is_infer, encoding) {
                (false, _) => Keep::Nothing,
                (true, None) => Keep::Pieces,
                (true, Some(_)) => Keep::Whole,
            },
            refused: Box::new(move |error| told.record_failure(&told_id, "", error)),
        };
        let mut call = Call {
            id: id.clone(),
            peer: caller.peer,
            uri: request.uri().clone(),
            began: Instant::now(),
            encoding,
            inbox: Default::default(),
            outbox: Default::default(),
            draining: caller.draining,
        };
        let mut request =
            request.map(|body| Metered::new(body, app.body_bounds(), app.budget(), manner));
        if encoding.is_some() {
            request.headers_mut().remove(ENCODING);
        }
        call.inbox = request.body().inbox();
        let outbox = call.outbox.clone();
        request.extensions_mut().insert(call);
        handler(request).await.map(|body| Counted::new(body, outbox))
    }
}

fn encoding_of(headers: &HeaderMap) -> Option<Encoding> {
    Encoding::named(headers.get(ENCODING)?.to_str().ok()?)
}

impl std::fmt::Debug for Services {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(self.by_name.iter().map(|(name, _)| name)).finish()
    }
}

/// Both versions of reflection: clients that are older than the first know only the draft.
fn reflection() -> Vec<(&'static str, Handler)> {
    let builder = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(forge_proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let handlers = builder().build_v1().and_then(|current| {
        let draft = builder().build_v1alpha()?;
        Ok(vec![of_reflection(current), of_draft(draft)])
    });
    handlers.unwrap_or_else(|error| {
        error!(%error, "there is no reflection: its descriptors cannot be read");
        Vec::new()
    })
}

fn of_reflection<T>(server: ServerReflectionServer<T>) -> (&'static str, Handler)
where
    T: tonic_reflection::server::v1::ServerReflection,
{
    handler(server)
}

fn of_draft<T>(server: v1alpha::ServerReflectionServer<T>) -> (&'static str, Handler)
where
    T: v1alpha::ServerReflection,
{
    handler(server)
}

fn handler<S>(service: S) -> (&'static str, Handler)
where
    S: Service<Request<Metered>, Response = Response<Body>, Error = Infallible>,
    S: NamedService + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
{
    let handler = move |request| -> Answered {
        // Ready at all times: what it shares it shares by count.
        let answering = service.clone().call(request);
        Box::pin(async move {
            match answering.await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        })
    };
    (S::NAME, Box::new(handler))
}
