//! `ModelStreamInfer`: many requests on one call. Some run at a time; answers come in the order of the
//! requests, as Triton's do, and each tells its own error.

use std::pin::Pin;
use std::sync::Arc;

use forge_proto::{ModelInferResponse, ModelStreamInferResponse};
use futures_util::StreamExt;
use tokio_stream::Stream;
use tonic::{Status, Streaming};

use super::call::Asked;
use super::infer::{Answered, Refused, infer};
use super::kept::Kept;
use crate::http::App;

/// Requests of one call at a time; those behind wait in the connection, where HTTP/2 holds their sender
/// back.
const AT_ONCE: usize = 64;

/// The answers of a call.
pub type Answers = Pin<Box<dyn Stream<Item = Result<ModelStreamInferResponse, Status>> + Send>>;

/// Answers the requests as they come, until there are no more or one cannot be read. Dropping the
/// answers takes back what is still waiting.
pub fn infer_all(app: Arc<App>, asked: Asked, requests: Streaming<Kept>) -> Answers {
    let asked = Arc::new(asked);
    let outbox = asked.call.outbox.clone();
    let answers = requests.map(move |message| {
        let (app, asked) = (Arc::clone(&app), Arc::clone(&asked));
        // Taken while messages are in the order in which they came.
        let arrived = message.and_then(|Kept| asked.call.arrived());
        async move { Ok(infer(&app, &asked, arrived?).await) }
    });
    let answers = answers.buffered(AT_ONCE).map(move |answer: Result<_, Status>| {
        Ok(match answer? {
            Ok(Answered { response, memory }) => {
                // Only now that it is its turn: what is left there goes with the next piece.
                outbox.put(memory);
                ModelStreamInferResponse { infer_response: Some(response), ..Default::default() }
            }
            Err(refused) => told(refused),
        })
    });
    Box::pin(answers)
}

/// An error that leaves the call as it is. Its request is known by the id.
fn told(refused: Refused) -> ModelStreamInferResponse {
    let Refused { id, error } = refused;
    ModelStreamInferResponse {
        error_message: error.to_string(),
        infer_response: Some(ModelInferResponse { id, ..Default::default() }),
    }
}
