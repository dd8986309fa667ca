//! What is asked, and what has to be answered, before any load.

use std::sync::Arc;

use bytes::Bytes;
use forge_benches::inputs::{self, Body, InputSpec};
use forge_benches::learn::{Lesson, learn};
use forge_benches::model::{self, ModelError};
use forge_benches::protocol::{EncodeError, Endpoint, Protocol};
use forge_benches::{Exchange, Expected};

use crate::AnyError;
use crate::arguments::Arguments;

/// All requests together have no more bytes, unless two alone have more.
const MOST_BYTES: usize = 64 << 20;
const FEWEST: usize = 2;

/// Requests that are ready to be sent.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) endpoint: Endpoint,
    pub(crate) exchanges: Arc<[Exchange]>,
    /// `None` where answers are not checked.
    pub(crate) distinct_answers: Option<usize>,
    /// The mean size of a request as it is sent.
    pub(crate) request_bytes: usize,
}

pub(crate) async fn prepare(arguments: &Arguments) -> Result<Prepared, AnyError> {
    let endpoint = Endpoint {
        target: arguments.target.clone(),
        model: arguments.model.clone(),
        protocol: arguments.protocol,
        path: arguments.path.clone(),
    };
    let requests = match &arguments.input {
        Some(file) => {
            let bodies = inputs::read_bodies(file)?;
            bodies.iter().map(|body| endpoint.request(body)).collect::<Result<_, _>>()?
        }
        None => made_up(arguments, &endpoint).await?,
    };
    let request_bytes = requests.iter().map(Bytes::len).sum::<usize>() / requests.len().max(1);
    let (exchanges, distinct_answers) = match arguments.unchecked {
        true => (requests.into_iter().map(unchecked).collect(), None),
        false => {
            let Lesson { exchanges, distinct_answers } =
                learn(&endpoint, requests, arguments.tolerance, arguments.timeout).await?;
            (exchanges, Some(distinct_answers))
        }
    };
    Ok(Prepared { endpoint, exchanges: exchanges.into(), distinct_answers, request_bytes })
}

async fn made_up(arguments: &Arguments, endpoint: &Endpoint) -> Result<Vec<Bytes>, AnyError> {
    let specs = specs(arguments, endpoint).await?;
    let resolved = inputs::resolve(specs.as_deref(), &arguments.shape)?;
    let request = |number: u64| -> Result<Bytes, EncodeError> {
        endpoint.request(&Body::Tensors(inputs::generate(&resolved, number)))
    };
    let mut requests = vec![request(0)?];
    let most = (MOST_BYTES / requests[0].len().max(1)).max(FEWEST);
    for number in (1..).take(arguments.requests.0.min(most) - 1) {
        requests.push(request(number)?);
    }
    Ok(requests)
}

/// `None` where the server need not tell them.
async fn specs(
    arguments: &Arguments,
    endpoint: &Endpoint,
) -> Result<Option<Vec<InputSpec>>, ModelError> {
    match model::inputs(endpoint).await {
        Ok(specs) => Ok(Some(specs)),
        // Servers of /v1 need not speak V2.
        Err(ModelError::Unknown { .. } | ModelError::Refused { .. })
            if endpoint.protocol == Protocol::V1 && !arguments.shape.is_empty() =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn unchecked(request: Bytes) -> Exchange {
    Exchange { request, expected: Expected::Anything }
}
