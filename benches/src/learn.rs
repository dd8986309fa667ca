//! Learning what a model answers: every request is asked alone, before any load.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;

use crate::answers::Learned;
use crate::load::{Connection, Exchange, Expected, Status};
use crate::protocol::Endpoint;

/// How often each request is asked: what differs then, alone, cannot be checked under load.
const TIMES: usize = 2;

/// Why answers cannot be learned.
#[derive(Debug, thiserror::Error)]
pub enum LearnError {
    #[error("cannot ask {address}: {source}; is the server running, and is this its port?")]
    Unreachable { address: String, source: std::io::Error },
    #[error("a request that was sent alone had no answer within {0:?}")]
    TimedOut(Duration),
    #[error("a request that was sent alone was answered {status}: {told}")]
    Refused { status: String, told: String },
    #[error("an answer cannot be read: {0}; check nothing but statuses with --unchecked")]
    Unreadable(String),
    #[error(
        "the model answers the same request differently: {0}; check nothing but statuses with --unchecked"
    )]
    Changing(String),
}

/// Requests whose answers are known.
#[derive(Clone, Debug)]
pub struct Lesson {
    pub exchanges: Vec<Exchange>,
    /// How many answers differ from all others. With a single one nobody would see that two clients
    /// got each other's.
    pub distinct_answers: usize,
}

/// Asks each request alone. Under load its answer may differ by the tolerance (see [`Learned`]).
///
/// # Errors
/// Where one is not answered, or not twice in the same way.
pub async fn learn(
    endpoint: &Endpoint,
    requests: Vec<Bytes>,
    tolerance: f64,
    patience: Duration,
) -> Result<Lesson, LearnError> {
    let address = &endpoint.target.address;
    let unreachable = |source| LearnError::Unreachable { address: address.clone(), source };
    let opened = Connection::open(address, &endpoint.transport()).await;
    let mut connection = opened.map_err(unreachable)?;
    let (mut exchanges, mut distinct) = (Vec::new(), Vec::<Learned>::new());
    for request in requests {
        let mut learned: Option<Learned> = None;
        for _ in 0..TIMES {
            if !connection.is_open() {
                let opened = Connection::open(address, &endpoint.transport()).await;
                connection = opened.map_err(unreachable)?;
            }
            let answer = timeout(patience, connection.exchange(&request)).await;
            let answer = answer.map_err(|_| LearnError::TimedOut(patience))?;
            let answer = answer.map_err(unreachable)?;
            if answer.status != Status::Success {
                let told = String::from_utf8_lossy(answer.body).into_owned();
                return Err(LearnError::Refused { status: answer.status.to_string(), told });
            }
            let again = Learned::new(endpoint.protocol.form(), tolerance, &answer);
            let again = again.map_err(LearnError::Unreadable)?;
            if let Some(learned) = &learned {
                learned.agrees_with(&again).map_err(LearnError::Changing)?;
            }
            learned = Some(again);
        }
        let Some(learned) = learned else { continue };
        if distinct.iter().all(|other| other.agrees_with(&learned).is_err()) {
            distinct.push(learned.clone());
        }
        exchanges.push(Exchange { request, expected: Expected::Like(Box::new(learned)) });
    }
    Ok(Lesson { exchanges, distinct_answers: distinct.len() })
}
