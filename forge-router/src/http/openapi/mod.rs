//! `GET /openapi.json`: the routes as an OpenAPI 3.1 document, with one entry per model.
//!
//! ```text
//! Model ─► describe ─► ModelDocument ─► paths ─► schema, example ─► JSON
//! ```
//!
//! Only `describe.rs` knows models and settings; the rest turns plain values into JSON. Each request has the
//! models described, so the document follows them as they are loaded; its text is kept for as long as
//! their descriptions stay the same.

mod components;
mod describe;
mod document;
mod example;
mod inference_paths;
mod literal;
mod media;
mod other_paths;
mod paths;
mod reload_path;
mod schema;
mod server_paths;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use hyper::StatusCode;

use self::document::{Changes, ModelDocument};
use super::app::App;
use super::error::HttpError;
use super::rendered::Rendered;
use super::reply::{self, Reply};

/// The document as it was last asked for.
#[derive(Debug, Default)]
pub struct OpenApi {
    rendered: Rendered,
    kept: Mutex<Option<Kept>>,
}

#[derive(Debug)]
struct Kept {
    models: Vec<ModelDocument>,
    changes: Changes,
    text: Bytes,
}

/// `GET /openapi.json`
pub async fn show(app: &Arc<App>) -> Result<Reply, HttpError> {
    let rendering = Arc::clone(app);
    let text = app.openapi.rendered.ask(move || current(&rendering)).await?;
    Ok(reply::fresh(reply::json(StatusCode::OK, text)))
}

fn current(app: &App) -> Bytes {
    let models = app.registry.models();
    let models = models.iter().map(|model| describe::describe(model)).collect();
    let changes = describe::changes(&app.settings.admin, app.settings.address);
    app.openapi.text(models, changes)
}

impl OpenApi {
    /// The document of these models: the one that is kept, where it is of the same.
    fn text(&self, models: Vec<ModelDocument>, changes: Changes) -> Bytes {
        // What is kept is replaced whole, so a panic while the lock was held spoils nothing.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match &*kept {
            Some(kept) if kept.models == models && kept.changes == changes => kept.text.clone(),
            _ => {
                let text = Bytes::from(paths::document(&models, changes).to_string());
                *kept = Some(Kept { models, changes, text: text.clone() });
                text
            }
        }
    }
}
