//! Requests in the words of each protocol.

mod grpc;
mod v1;
mod v2;

use bytes::Bytes;

use crate::answers::Form;
use crate::inputs::Body;
use crate::load::{Transport, frame, post};
use crate::target::{Target, in_path};

/// How a model is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Protocol {
    /// `POST /v1/MODEL/predict` with `{"input": …}`
    V1,
    /// The Open Inference Protocol V2 in JSON
    V2,
    /// The Open Inference Protocol V2 with binary tensors, in both directions
    V2Binary,
    /// The Open Inference Protocol V2 over gRPC, with raw tensors
    Grpc,
}

/// The model that is asked, and where.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub target: Target,
    pub model: String,
    pub protocol: Protocol,
    /// In place of the protocol's own path.
    pub path: Option<String>,
}

/// Why a request cannot be written.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EncodeError {
    #[error(
        "the file holds other JSON than requests of the Open Inference Protocol, which only --protocol v1 can send"
    )]
    NotTensors,
    #[error("--path is for HTTP: gRPC has one method")]
    PathOfGrpc,
}

impl Protocol {
    pub fn name(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
            Self::V2Binary => "v2-binary",
            Self::Grpc => "grpc",
        }
    }

    pub fn form(self) -> Form {
        match self {
            Self::V1 => Form::Json,
            Self::V2 | Self::V2Binary => Form::V2,
            Self::Grpc => Form::Grpc,
        }
    }
}

impl Endpoint {
    pub fn transport(&self) -> Transport {
        match self.protocol {
            Protocol::V1 | Protocol::V2 | Protocol::V2Binary => Transport::Http1,
            Protocol::Grpc => Transport::Grpc { method: grpc::INFER.to_owned() },
        }
    }

    /// A whole request, as it is sent.
    ///
    /// # Errors
    /// Where the protocol has no words for it.
    pub fn request(&self, body: &Body) -> Result<Bytes, EncodeError> {
        if self.protocol == Protocol::Grpc && self.path.is_some() {
            return Err(EncodeError::PathOfGrpc);
        }
        let model = in_path(&self.model);
        let to = |path: String, headers: &str, body: &[u8]| {
            let path = self.path.clone().unwrap_or(path);
            let path = format!("{}{path}", self.target.base);
            post(&self.target.address, &path, headers, body)
        };
        const JSON: &str = "Content-Type: application/json\r\n";
        let infer = format!("/v2/models/{model}/infer");
        Ok(match (self.protocol, body) {
            (Protocol::V1, Body::Json(json)) => {
                to(format!("/v1/{model}/predict"), JSON, json.to_string().as_bytes())
            }
            (Protocol::V1, Body::Tensors(tensors)) => {
                to(format!("/v1/{model}/predict"), JSON, v1::body(tensors).as_bytes())
            }
            (_, Body::Json(_)) => return Err(EncodeError::NotTensors),
            (Protocol::V2, Body::Tensors(tensors)) => to(infer, JSON, v2::json(tensors).as_bytes()),
            (Protocol::V2Binary, Body::Tensors(tensors)) => {
                let (json_bytes, body) = v2::binary(tensors);
                let headers = format!(
                    "Content-Type: application/octet-stream\r\n\
                     Inference-Header-Content-Length: {json_bytes}\r\n"
                );
                to(infer, &headers, &body)
            }
            (Protocol::Grpc, Body::Tensors(tensors)) => frame(&grpc::message(&self.model, tensors)),
        })
    }
}
