//! `ModelStatistics`: what versions have done so far.

use std::time::UNIX_EPOCH;

use super::generated::{
    InferBatchStatistics, InferStatistics, ModelStatistics, ModelStatisticsResponse,
    StatisticDuration,
};
use super::models::versions;
use crate::http::{App, HttpError, models};
use crate::model::{BatchStatistics, Model, Spent, Version};

/// Of one version, of all of a model's, or of all models'.
pub fn of(app: &App, name: &str, version: &str) -> Result<ModelStatisticsResponse, HttpError> {
    let models = match name {
        "" => app.registry().models(),
        name => vec![models::find(app, name)?],
    };
    let mut model_stats = Vec::new();
    for model in models {
        let version = if name.is_empty() { "" } else { version };
        let versions = versions(&model, version)?;
        model_stats.extend(versions.iter().map(|version| of_version(&model, version)));
    }
    Ok(ModelStatisticsResponse { model_stats })
}

fn of_version(model: &Model, version: &Version) -> ModelStatistics {
    let statistics = version.statistics();
    let last = statistics.last_inference.and_then(|last| last.duration_since(UNIX_EPOCH).ok());
    ModelStatistics {
        name: model.name.to_string(),
        version: version.id().to_string(),
        // Milliseconds, as Triton's.
        last_inference: last.map_or(0, |last| u64::try_from(last.as_millis()).unwrap_or(u64::MAX)),
        inference_count: statistics.rows,
        execution_count: statistics.batches,
        inference_stats: Some(InferStatistics {
            success: spent(statistics.success),
            fail: spent(statistics.fail),
            queue: spent(statistics.queue),
            compute_input: spent(statistics.compute_input),
            compute_infer: spent(statistics.compute_infer),
            compute_output: spent(statistics.compute_output),
            cache_hit: spent(Spent::default()),
            cache_miss: spent(Spent::default()),
        }),
        batch_stats: statistics.by_rows.into_iter().map(batch).collect(),
        ..Default::default()
    }
}

fn batch(of: BatchStatistics) -> InferBatchStatistics {
    InferBatchStatistics {
        batch_size: u64::from(of.rows),
        compute_input: spent(of.compute_input),
        compute_infer: spent(of.compute_infer),
        compute_output: spent(of.compute_output),
    }
}

fn spent(of: Spent) -> Option<StatisticDuration> {
    let ns = u64::try_from(of.time.as_nanos()).unwrap_or(u64::MAX);
    Some(StatisticDuration { count: of.count, ns })
}
