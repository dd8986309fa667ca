//! Fills a [`ModelDocument`] from a model: the only file here that knows models.

use super::document::{Batching, InputDocument, InputKind, ModelDocument, TensorDocument};
use crate::model::{Interface, Model};

/// What there is to tell of a model now.
pub fn describe(model: &Model) -> ModelDocument {
    let config = &model.config;
    ModelDocument {
        name: model.name.to_string(),
        state: model.status().state.name(),
        inputs: model.version().map(|version| inputs(version.interface())),
        output: None,
        batching: Batching::Rows {
            max_batch_size: config.max_batch_size.get(),
            window_ms: config.batch_window.as_secs_f64() * 1000.0,
        },
        max_queue_depth: config.max_queue_depth.get(),
        request_timeout_s: config.request_timeout.as_secs_f64(),
    }
}

fn inputs(interface: &Interface) -> Vec<InputDocument> {
    let input = |(name, declared): (&str, Option<&crate::config::DeclaredInput>)| {
        let tensor = match declared {
            None => TensorDocument::Unknown,
            Some(declared) => {
                TensorDocument::Declared { dtype: declared.dtype, shape: declared.shape.clone() }
            }
        };
        let kind = InputKind::Tensor(tensor);
        InputDocument { name: name.to_owned(), kind, optional: false, default: None }
    };
    interface.declared().map(input).collect()
}
