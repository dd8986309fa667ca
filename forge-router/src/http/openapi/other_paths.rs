//! The routes for those who come from KServe's V1 protocol and from TorchServe.

use serde_json::{Map, Value, json};

/// With spaces, so that no model can have this name.
pub const TAG: &str = "KServe V1 and TorchServe";

/// Adds the routes to the document; `of_model` is their parameter, which is left out where there is no
/// model that it could be.
pub fn add(paths: &mut Map<String, Value>, of_model: Option<&Value>) {
    let ping = operation("ping", "Whether to send traffic, as TorchServe says it");
    paths.insert("/ping".to_owned(), json!({"get": ping}));
    let Some(of_model) = of_model else { return };
    let rows = json!({"type": "object", "properties": {
        "instances": {"type": "array", "description": "A row each: a value, or an object of inputs."},
        "inputs": {"description": "In place of instances: the columns."}
    }});
    let bare = json!({"description": "The input, a body of /v1, or one with instances."});
    for (path, id, summary, body) in [
        ("/v1/models/{model}:predict", "v1_predict", "Predictions of many rows", rows),
        ("/predictions/{model}", "torchserve_predict", "A prediction, answered bare", bare),
    ] {
        let mut entry = operation(id, summary);
        entry["parameters"] = of_model.clone();
        entry["requestBody"] =
            json!({"required": true, "content": {"application/json": {"schema": body}}});
        paths.insert(path.to_owned(), json!({"post": entry}));
    }
}

fn operation(id: &str, summary: &str) -> Value {
    json!({
        "tags": [TAG], "operationId": id, "summary": summary,
        "responses": {"200": {"description": "The answer"}, "default": {"description": "Why not"}}
    })
}
