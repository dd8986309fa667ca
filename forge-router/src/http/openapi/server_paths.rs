//! The routes that are no predictions.

use serde_json::{Map, Value, json};

use super::document::Changes;
use super::{components, inference_paths, other_paths, reload_path};

/// With spaces, so that no model can have this name.
pub const TAG: &str = "the server";

/// The routes beside predictions; `models` are the names there are.
pub fn paths(models: &[&str], changes: Changes) -> Map<String, Value> {
    let of_model = json!([{
        "name": "model", "in": "path", "required": true,
        "schema": {"type": "string", "enum": models}
    }]);
    let status = json!({
        "type": "object", "required": ["status"], "properties": {"status": {"type": "string"}}
    });
    let summary = json!({
        "type": "object",
        "required": ["queue_depth", "status"],
        "properties": {
            "queue_depth": {"type": "integer"},
            "status": {"type": "string", "enum": ["loading", "ready", "degraded", "draining"]},
            "cause": {"type": "string", "description": "Why it is degraded."}
        }
    });
    let all = json!({"type": "object", "additionalProperties": summary});
    let mut health = status.clone();
    health["properties"]["models"] = all.clone();
    let mut paths = vec![
        ("/v1/models", "list_models", "Every model", as_json(&all), &[][..]),
        ("/health", "health", "Readiness and every model", as_json(&health), &[503]),
        ("/health/live", "live", "Whether the process answers", as_json(&status), &[]),
        ("/health/ready", "ready", "Whether to send traffic", as_json(&status), &[503]),
        ("/metrics", "metrics", "Prometheus metrics", metrics(), &[]),
    ]
    .into_iter()
    .map(|(path, id, summary, content, refusals)| {
        (path.to_owned(), get(id, summary, &content, refusals))
    })
    .collect::<Map<_, _>>();
    // Without a model there is nothing that the parameter could be.
    if !models.is_empty() {
        for (path, id, summary, content, refusals) in [
            ("/v1/models/{model}", "show_model", "One model", as_json(&one_model()), &[404][..]),
            (
                "/v1/models/{model}/ready",
                "model_ready",
                "Whether a model is ready",
                as_json(&status),
                { &[404, 503] },
            ),
        ] {
            let mut entry = get(id, summary, &content, refusals);
            entry["get"]["parameters"] = of_model.clone();
            paths.insert(path.to_owned(), entry);
        }
        reload_path::add(&mut paths, &of_model, changes);
    }
    let of_model = (!models.is_empty()).then_some(&of_model);
    inference_paths::add(&mut paths, of_model, changes);
    other_paths::add(&mut paths, of_model);
    paths
}

fn get(id: &str, summary: &str, content: &Value, refusals: &[u16]) -> Value {
    let mut responses = Map::new();
    responses.insert("200".to_owned(), json!({"description": "The answer", "content": content}));
    for status in refusals {
        let (status, response) = match status {
            // Probes say no in the words they say yes in.
            503 => ("503".to_owned(), json!({"description": "Not now", "content": content})),
            status => components::refusal(*status),
        };
        responses.insert(status, response);
    }
    json!({"get": {
        "tags": [TAG], "operationId": id, "summary": summary, "responses": responses
    }})
}

fn as_json(schema: &Value) -> Value {
    json!({"application/json": {"schema": schema}})
}

fn metrics() -> Value {
    json!({"text/plain": {"schema": {"type": "string"}}})
}

fn one_model() -> Value {
    json!({
        "type": "object",
        "required": ["name", "queue_depth", "status", "batching", "workers"],
        "properties": {
            "name": {"type": "string"},
            "queue_depth": {"type": "integer"},
            "status": {"type": "string"},
            "cause": {"type": "string"},
            "version": {"type": "integer"},
            "inputs": {"type": "array", "items": {"type": "object"}},
            "batching": {"type": "object"},
            "workers": {"type": "array", "items": {"type": "string"}}
        }
    })
}
