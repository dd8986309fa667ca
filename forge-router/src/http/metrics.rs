//! `GET /metrics`

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::HeaderValue;

use super::app::App;
use super::error::HttpError;
use super::reply::{self, Reply};
use crate::metrics::{CONTENT_TYPE, TritonCounts, TritonFailures};
use crate::model::{Failures, Model, Registry, Version};

/// Every series, of this moment.
pub async fn show(app: &Arc<App>) -> Result<Reply, HttpError> {
    let rendering = Arc::clone(app);
    let text = app.scrapes.ask(move || render(&rendering)).await?;
    Ok(reply::with_type(StatusCode::OK, HeaderValue::from_static(CONTENT_TYPE), text))
}

fn render(app: &App) -> Bytes {
    app.metrics.set_inflight_bytes(app.budget.used());
    let versions = match app.settings.triton_metrics {
        true => triton_counts(&app.registry),
        false => Vec::new(),
    };
    app.metrics.render(&versions).into()
}

fn triton_counts(registry: &Registry) -> Vec<TritonCounts> {
    let of_model = |model: &Arc<Model>| {
        let counts = |version: &Arc<Version>| counts(model.name.as_str(), version);
        model.route().versions().map(counts).collect::<Vec<_>>()
    };
    registry.models().iter().flat_map(of_model).collect()
}

fn counts(model: &str, version: &Version) -> TritonCounts {
    let counted = version.statistics();
    let Failures { rejected, canceled, backend, other } = counted.failures;
    TritonCounts {
        model: model.to_owned(),
        version: version.id().0,
        success: counted.success.count,
        failure: TritonFailures { rejected, canceled, backend, other },
        inferences: counted.rows,
        executions: counted.batches,
        request_us: micros(counted.success.time),
        queue_us: micros(counted.queue.time),
        compute_input_us: micros(counted.compute_input.time),
        compute_infer_us: micros(counted.compute_infer.time),
        compute_output_us: micros(counted.compute_output.time),
        pending: version.pending(),
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
