//! `GET /openapi.json`: the routes as an OpenAPI 3.1 document, with one entry per model.
//!
//! ```text
//! Model ─► describe ─► ModelDocument ─► paths ─► schema, example ─► JSON
//! ```
//!
//! Only `describe.rs` knows models and settings; the rest turns plain values into JSON. The document is built
//! for each request, so it follows the models as they are loaded.

mod components;
mod describe;
mod document;
mod example;
mod literal;
mod media;
mod paths;
mod reload_path;
mod schema;
mod server_paths;

#[cfg(test)]
mod tests;

use hyper::StatusCode;

use super::app::App;
use super::reply::{self, Reply};

/// `GET /openapi.json`
pub fn show(app: &App) -> Reply {
    let models = app.registry.models();
    let models: Vec<_> = models.iter().map(|model| describe::describe(model)).collect();
    let changes = describe::changes(&app.settings.admin, app.settings.address);
    let text = paths::document(&models, changes).to_string();
    reply::fresh(reply::json(StatusCode::OK, text))
}
