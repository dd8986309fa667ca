//! `ModelStatistics`: what versions have done so far.

use forge_proto::{
    InferBatchStatistics, InferStatistics, ModelStatistics, ModelStatisticsResponse,
    StatisticDuration,
};

use super::infer::version_of;
use crate::http::{App, HttpError, models};
use crate::v2::{self, RowsStatistics, Spent};

/// Of one version, of all of a model's, or of all models'.
pub fn of(app: &App, name: &str, version: &str) -> Result<ModelStatisticsResponse, HttpError> {
    let all_of = |name: &str| -> Result<Vec<ModelStatistics>, HttpError> {
        let (model, _) = models::find_version(app, name, None)?;
        Ok(model.route().versions().map(|version| message(v2::statistics(name, version))).collect())
    };
    let model_stats = match (name, version_of(version)?) {
        // Those that have no version yet have done nothing.
        ("", _) => {
            app.registry().names().iter().filter_map(|name| all_of(name).ok()).flatten().collect()
        }
        (name, None) => all_of(name)?,
        (name, named) => {
            let (_, version) = models::find_version(app, name, named)?;
            vec![message(v2::statistics(name, &version))]
        }
    };
    Ok(ModelStatisticsResponse { model_stats })
}

fn message(of: v2::ModelStatistics) -> ModelStatistics {
    let v2::InferenceStatistics { success, fail, queue, .. } = of.inference_stats;
    let v2::InferenceStatistics { compute_input, compute_infer, compute_output, .. } =
        of.inference_stats;
    let v2::InferenceStatistics { cache_hit, cache_miss, .. } = of.inference_stats;
    ModelStatistics {
        name: of.name,
        version: of.version,
        last_inference: of.last_inference,
        inference_count: of.inference_count,
        execution_count: of.execution_count,
        inference_stats: Some(InferStatistics {
            success: spent(success),
            fail: spent(fail),
            queue: spent(queue),
            compute_input: spent(compute_input),
            compute_infer: spent(compute_infer),
            compute_output: spent(compute_output),
            cache_hit: spent(cache_hit),
            cache_miss: spent(cache_miss),
        }),
        batch_stats: of.batch_stats.into_iter().map(batch).collect(),
        ..Default::default()
    }
}

fn batch(of: RowsStatistics) -> InferBatchStatistics {
    InferBatchStatistics {
        batch_size: u64::from(of.batch_size),
        compute_input: spent(of.compute_input),
        compute_infer: spent(of.compute_infer),
        compute_output: spent(of.compute_output),
    }
}

fn spent(of: Spent) -> Option<StatisticDuration> {
    Some(StatisticDuration { count: of.count, ns: of.ns })
}
