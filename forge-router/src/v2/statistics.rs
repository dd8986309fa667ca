//! What a version has done, in the words of Triton's statistics extension. Durations are nanoseconds,
//! all of them since the version was made.

use std::time::{Duration, UNIX_EPOCH};

use serde::Serialize;

use crate::model::{self, BatchStatistics, Statistics};

/// Of one version of a model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelStatistics {
    pub name: String,
    pub version: String,
    /// Milliseconds since 1970; 0 before the first.
    pub last_inference: u64,
    /// Rows that were answered.
    pub inference_count: u64,
    /// Batches that were run for them.
    pub execution_count: u64,
    pub inference_stats: InferenceStatistics,
    /// Of models that answer a request more than once, which none does.
    pub response_stats: NoStatistics,
    pub batch_stats: Vec<RowsStatistics>,
    /// Not measured by version.
    pub memory_usage: [NoStatistics; 0],
}

/// Clients read every one of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct InferenceStatistics {
    pub success: Spent,
    pub fail: Spent,
    pub queue: Spent,
    pub compute_input: Spent,
    pub compute_infer: Spent,
    pub compute_output: Spent,
    /// There is no cache.
    pub cache_hit: Spent,
    pub cache_miss: Spent,
}

/// Of the batches of so many rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RowsStatistics {
    pub batch_size: u32,
    pub compute_input: Spent,
    pub compute_infer: Spent,
    pub compute_output: Spent,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Spent {
    pub count: u64,
    pub ns: u64,
}

/// `{}`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NoStatistics {}

/// Of this version of the model `name`.
pub fn statistics(name: &str, version: &model::Version) -> ModelStatistics {
    of(name, version.id().to_string(), version.statistics())
}

fn of(name: &str, version: String, statistics: Statistics) -> ModelStatistics {
    let since_1970 = statistics.last_inference.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    ModelStatistics {
        name: name.to_owned(),
        version,
        last_inference: since_1970.map_or(0, |since| saturating(since.as_millis())),
        inference_count: statistics.rows,
        execution_count: statistics.batches,
        inference_stats: InferenceStatistics {
            success: statistics.success.into(),
            fail: statistics.fail.into(),
            queue: statistics.queue.into(),
            compute_input: statistics.compute_input.into(),
            compute_infer: statistics.compute_infer.into(),
            compute_output: statistics.compute_output.into(),
            ..InferenceStatistics::default()
        },
        response_stats: NoStatistics {},
        batch_stats: statistics.by_rows.into_iter().map(of_rows).collect(),
        memory_usage: [],
    }
}

fn of_rows(batches: BatchStatistics) -> RowsStatistics {
    RowsStatistics {
        batch_size: batches.rows,
        compute_input: batches.compute_input.into(),
        compute_infer: batches.compute_infer.into(),
        compute_output: batches.compute_output.into(),
    }
}

impl From<model::Spent> for Spent {
    fn from(spent: model::Spent) -> Self {
        let time: Duration = spent.time;
        Self { count: spent.count, ns: saturating(time.as_nanos()) }
    }
}

fn saturating(count: u128) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_duration_is_there_before_anything_was_counted() {
        let shown = serde_json::to_value(of("m", "1".to_owned(), Statistics::default())).unwrap();
        let none = json!({"count": 0, "ns": 0});
        for phase in [
            "success",
            "fail",
            "queue",
            "compute_input",
            "compute_infer",
            "compute_output",
            "cache_hit",
            "cache_miss",
        ] {
            assert_eq!(shown["inference_stats"][phase], none, "{phase}");
        }
        assert_eq!(shown["version"], "1");
        assert_eq!((&shown["response_stats"], &shown["memory_usage"]), (&json!({}), &json!([])));
    }

    #[test]
    fn counts_and_times_are_handed_on() {
        let spent = model::Spent { count: 3, time: Duration::from_micros(7) };
        let batches =
            BatchStatistics { rows: 2, compute_infer: spent, ..BatchStatistics::default() };
        let statistics = Statistics {
            last_inference: Some(UNIX_EPOCH + Duration::from_millis(5)),
            rows: 6,
            batches: 3,
            queue: spent,
            by_rows: vec![batches],
            ..Statistics::default()
        };
        let shown = serde_json::to_value(of("m", "1".to_owned(), statistics)).unwrap();
        let expected = json!({"count": 3, "ns": 7000});
        assert_eq!(shown["last_inference"], 5);
        assert_eq!((&shown["inference_count"], &shown["execution_count"]), (&json!(6), &json!(3)));
        assert_eq!(shown["inference_stats"]["queue"], expected);
        assert_eq!(shown["batch_stats"][0]["batch_size"], 2);
        assert_eq!(shown["batch_stats"][0]["compute_infer"], expected);
    }
}
