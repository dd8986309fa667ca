//! What a server tells of a model, by the Open Inference Protocol V2: its inputs, and how many requests it
//! ran in how many batches.

mod metadata;
mod statistics;

use std::time::Duration;

use tokio::time::timeout;

use crate::load::{Connection, Status, Transport, frame, get};
use crate::protobuf::field;
use crate::protocol::{Endpoint, Protocol};
use crate::target::in_path;

pub use metadata::inputs;
pub use statistics::{Executions, executions};

/// Such questions are answered at once or never.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a server tells nothing of a model.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("cannot ask {address}: {source}; is the server running, and is this its port?")]
    Unreachable { address: String, source: std::io::Error },
    #[error(
        "the server has no model {model} or does not speak the Open Inference Protocol V2 ({told}); one that does not takes --protocol v1 with --shape or --input"
    )]
    Unknown { model: String, told: String },
    #[error("the server does not tell of model {model}: {told}")]
    Refused { model: String, told: String },
    #[error("what the server tells of model {model} cannot be read: {problem}")]
    Unreadable { model: String, problem: String },
}

/// What is asked of a model.
#[derive(Clone, Copy, Debug)]
enum Question {
    Metadata,
    Statistics,
}

impl Question {
    /// Below the path of the model.
    fn path(self) -> &'static str {
        match self {
            Self::Metadata => "",
            Self::Statistics => "/stats",
        }
    }

    fn method(self) -> &'static str {
        match self {
            Self::Metadata => "/inference.GRPCInferenceService/ModelMetadata",
            Self::Statistics => "/inference.GRPCInferenceService/ModelStatistics",
        }
    }
}

/// The body or the message of the answer.
async fn ask(endpoint: &Endpoint, question: Question) -> Result<Vec<u8>, ModelError> {
    let Endpoint { target, model, protocol, .. } = endpoint;
    let (transport, request) = match protocol {
        Protocol::Grpc => {
            let method = question.method().to_owned();
            (Transport::Grpc { method }, frame(&field(1, model.as_bytes())))
        }
        Protocol::V1 | Protocol::V2 | Protocol::V2Binary => {
            let path = format!("{}/v2/models/{}{}", target.base, in_path(model), question.path());
            (Transport::Http1, get(&target.address, &path))
        }
    };
    let answer = async {
        let mut connection = Connection::open(&target.address, &transport).await?;
        let answer = connection.exchange(&request).await?;
        Ok((answer.status, answer.body.to_vec()))
    };
    let answered = timeout(PATIENCE, answer).await;
    let answered = answered.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
    let unreachable = |source| ModelError::Unreachable { address: target.address.clone(), source };
    let (status, body) = answered.map_err(unreachable)?;
    let told = || match status {
        Status::Grpc(code) => format!("gRPC status {code}: {}", String::from_utf8_lossy(&body)),
        Status::Http(code) => format!("{code} {}", String::from_utf8_lossy(&body)),
        _ => String::from_utf8_lossy(&body).into_owned(),
    };
    match status {
        Status::Success => Ok(body),
        // Not found; unimplemented.
        Status::Http(400 | 404) | Status::Grpc(5 | 12) => {
            Err(ModelError::Unknown { model: model.clone(), told: told() })
        }
        _ => Err(ModelError::Refused { model: model.clone(), told: told() }),
    }
}
