//! From an answer to a `ModelInferResponse`, whose tensors are raw.

use bytes::Bytes;
use forge_proto::ModelInferResponse;
use forge_proto::model_infer_response::InferOutputTensor;
use prost::Message as _;

use crate::flat::Elements;
use crate::http::{HttpError, Served};
use crate::memory_budget::Reservation;
use crate::request::{Answer, RequestError};
use crate::v2::{self, Datatype, InferRequest, Selected};

/// An answer, and what it takes: itself, and once more when it is encoded.
#[derive(Debug)]
pub struct Answered {
    pub response: ModelInferResponse,
    pub memory: Reservation,
}

/// The outputs that were asked for.
///
/// # Errors
/// [`RequestError::Invalid`] where there is no such output, [`RequestError::MemoryFull`].
pub fn encode(
    mut answer: Answer,
    served: &Served,
    request: &InferRequest,
) -> Result<Answered, HttpError> {
    let mut memory = answer.memory.take();
    let mut response = ModelInferResponse {
        model_name: served.model.name.to_string(),
        model_version: served.version.id().to_string(),
        id: request.id.clone(),
        ..Default::default()
    };
    let labels = served.version.config().labels.as_ref();
    for Selected { output, .. } in request.select(answer, labels)? {
        let (datatype, raw) = match output.elements {
            Elements::Numbers(dtype, data) => (Datatype::Numbers(dtype), data),
            Elements::Texts(texts) => {
                let mut data = Vec::new();
                v2::write_texts(&texts, &mut data);
                (Datatype::Bytes, data)
            }
        };
        response.outputs.push(InferOutputTensor {
            name: output.name,
            datatype: datatype.name().to_owned(),
            // Shapes of tensors that are there are far below 2^63.
            shape: output.shape.iter().map(|dim| dim.cast_signed()).collect(),
            ..Default::default()
        });
        response.raw_output_contents.push(Bytes::from(raw));
    }
    if !memory.grow(response.encoded_len()) {
        return Err(RequestError::MemoryFull { limit: memory.limit() }.into());
    }
    Ok(Answered { response, memory })
}
