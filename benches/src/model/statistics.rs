//! How many inferences a model ran in how many executions: the mean batch of a while is the ratio of
//! what was added to them.

use serde::Deserialize;

use super::{ModelError, Question, ask};
use crate::protobuf::{Field, fields};
use crate::protocol::{Endpoint, Protocol};

/// Of `ModelStatisticsResponse` and its `ModelStatistics`.
const MODEL_STATS: u32 = 1;
const INFERENCE_COUNT: u32 = 4;
const EXECUTION_COUNT: u32 = 5;

/// Sums since the server started, over all versions of a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Executions {
    /// Rows that were run.
    pub inferences: u64,
    /// Batches they were run in.
    pub executions: u64,
}

impl Executions {
    /// Rows per batch since `before`; `None` where nothing ran.
    pub fn mean_batch_since(self, before: Self) -> Option<f64> {
        let inferences = self.inferences.checked_sub(before.inferences)?;
        let executions = self.executions.checked_sub(before.executions)?;
        (executions > 0).then(|| inferences as f64 / executions as f64)
    }
}

/// Asks the server for them.
///
/// # Errors
/// Where it cannot be asked, or keeps no statistics.
pub async fn executions(endpoint: &Endpoint) -> Result<Executions, ModelError> {
    let answer = ask(endpoint, Question::Statistics).await?;
    let executions = match endpoint.protocol {
        Protocol::Grpc => of_message(&answer),
        Protocol::V1 | Protocol::V2 | Protocol::V2Binary => of_json(&answer),
    };
    executions.map_err(|problem| ModelError::Unreadable { model: endpoint.model.clone(), problem })
}

#[derive(Debug, Deserialize)]
struct Statistics {
    model_stats: Vec<VersionStatistics>,
}

#[derive(Debug, Deserialize)]
struct VersionStatistics {
    inference_count: u64,
    execution_count: u64,
}

fn of_json(body: &[u8]) -> Result<Executions, String> {
    let statistics: Statistics = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    Ok(statistics.model_stats.iter().fold(Executions::default(), |sum, version| Executions {
        inferences: sum.inferences + version.inference_count,
        executions: sum.executions + version.execution_count,
    }))
}

fn of_message(message: &[u8]) -> Result<Executions, String> {
    let mut sum = Executions::default();
    for field in fields(message) {
        let Field { number: MODEL_STATS, bytes, .. } = field? else { continue };
        for field in fields(bytes) {
            match field? {
                Field { number: INFERENCE_COUNT, value, .. } => sum.inferences += value,
                Field { number: EXECUTION_COUNT, value, .. } => sum.executions += value,
                _ => {}
            }
        }
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protobuf::{field, varint};

    #[test]
    fn versions_are_summed() {
        let json = br#"{"model_stats":[{"name":"m","version":"1","inference_count":10,"execution_count":2},{"inference_count":5,"execution_count":1}]}"#;
        let expected = Executions { inferences: 15, executions: 3 };
        assert_eq!(of_json(json), Ok(expected));
        let version = |inferences, executions| {
            let count = |number: u8, value| [vec![number << 3], varint(value)].concat();
            field(1, &[field(1, b"m"), count(4, inferences), count(5, executions)].concat())
        };
        assert_eq!(of_message(&[version(10, 2), version(5, 1)].concat()), Ok(expected));
    }

    #[test]
    fn the_mean_batch_is_of_what_was_added() {
        let before = Executions { inferences: 10, executions: 10 };
        let after = Executions { inferences: 110, executions: 20 };
        assert_eq!(after.mean_batch_since(before), Some(10.0));
        assert_eq!(after.mean_batch_since(after), None);
        // The server was started anew.
        assert_eq!(before.mean_batch_since(after), None);
    }
}
