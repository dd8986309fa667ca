//! A gRPC client of the tests: the generated one, waited for.

use std::time::Duration;

use forge_proto::grpc_inference_service_client::GrpcInferenceServiceClient;
use forge_proto::model_infer_request::InferInputTensor;
use forge_proto::{ModelInferRequest, ModelInferResponse};
use forge_tests::{Forge, PATIENCE, Setup};
use tokio::runtime::Runtime;
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status};

pub(crate) type Client = GrpcInferenceServiceClient<Channel>;

/// A client with a connection of its own.
pub(crate) struct Grpc {
    pub(crate) runtime: Runtime,
    pub(crate) client: Client,
    channel: Channel,
}

impl Grpc {
    pub(crate) fn connect(forge: &Forge) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let url = format!("http://{}", forge.address());
        let endpoint = Channel::from_shared(url).unwrap();
        let channel = runtime.block_on(endpoint.connect()).unwrap();
        let client = Client::new(channel.clone());
        let client = client.max_decoding_message_size(usize::MAX);
        Self { runtime, client: client.max_encoding_message_size(usize::MAX), channel }
    }

    /// Its connection, for other services.
    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Waits for what a call comes to.
    pub(crate) fn wait<T>(&self, call: impl Future<Output = T>) -> T {
        self.runtime.block_on(async {
            tokio::time::timeout(PATIENCE, call).await.expect("the call comes to something")
        })
    }

    pub(crate) fn infer(
        &self,
        request: impl tonic::IntoRequest<ModelInferRequest>,
    ) -> Result<ModelInferResponse, Status> {
        let mut client = self.client.clone();
        self.wait(client.model_infer(request)).map(Response::into_inner)
    }

    /// The code and the words of a refusal.
    pub(crate) fn refusal(
        &self,
        request: impl tonic::IntoRequest<ModelInferRequest>,
    ) -> (Code, String) {
        let status = self.infer(request).expect_err("a refusal");
        (status.code(), status.message().to_owned())
    }
}

/// A request of one row of float32, raw.
pub(crate) fn floats(model: &str, row: &[f32]) -> ModelInferRequest {
    let raw: Vec<u8> = row.iter().flat_map(|number| number.to_le_bytes()).collect();
    raw_request(model, "FP32", &[1, row.len() as i64], raw)
}

/// A request of one raw tensor `x`.
pub(crate) fn raw_request(
    model: &str,
    datatype: &str,
    shape: &[i64],
    raw: Vec<u8>,
) -> ModelInferRequest {
    let input = InferInputTensor {
        name: "x".to_owned(),
        datatype: datatype.to_owned(),
        shape: shape.to_vec(),
        ..Default::default()
    };
    ModelInferRequest {
        model_name: model.to_owned(),
        inputs: vec![input],
        raw_input_contents: vec![raw.into()],
        ..Default::default()
    }
}

/// The numbers of an answer's first output.
pub(crate) fn answered(response: &ModelInferResponse) -> Vec<f32> {
    assert_eq!(response.outputs[0].datatype, "FP32");
    let chunks = response.raw_output_contents[0].chunks_exact(4);
    chunks.map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
}

/// A request that has to be answered in so long.
pub(crate) fn within(request: ModelInferRequest, time: Duration) -> Request<ModelInferRequest> {
    let mut request = Request::new(request);
    request.set_timeout(time);
    request
}

/// A forge with one test model, and a client of it.
pub(crate) fn serving(script: &str) -> (Forge, Grpc) {
    let forge = Setup::new().test_model("m", script).start();
    let grpc = Grpc::connect(&forge);
    (forge, grpc)
}
