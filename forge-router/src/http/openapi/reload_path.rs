//! The route that replaces a model's checkpoint.

use serde_json::{Map, Value, json};

use super::document::Changes;
use super::server_paths::TAG;

/// The name of the way to give a token.
const BEARER: &str = "token";

const REFUSALS: [(&str, &str); 9] = [
    ("400", "The body ended early."),
    ("401", "No token was sent, or none that is good (server.admin_token_file)."),
    (
        "403",
        "Who asks may not change the server (server.admin), or the file lies outside of model_root.",
    ),
    ("404", "There is no such model; the registered names are listed."),
    ("408", "The body came too slowly."),
    ("409", "The model is being changed already, or has a canary."),
    ("413", "The body is too large."),
    ("422", "Malformed JSON, or a file that cannot be served. The old version serves on."),
    ("503", "There is no memory for a second version now, or the server is ending."),
];

/// Adds the route to the document, for those who may use it; `of_model` is its parameter.
pub fn add(paths: &mut Map<String, Value>, of_model: &Value, changes: Changes) {
    let mut reload = json!({
        "tags": [TAG],
        "operationId": "reload",
        "summary": "Serve another checkpoint under a model's name",
        "description": "The new version is loaded and warmed beside the old one, then takes its \
            place; no request is lost. Answered once that is done.",
        "parameters": of_model,
        "requestBody": {"required": true, "content": {"application/json": {"schema": request()}}},
        "responses": responses()
    });
    if changes == Changes::Nobody {
        return;
    }
    if let Some(security) = security(changes) {
        reload["security"] = security;
    }
    paths.insert("/v1/{model}/reload".to_owned(), json!({"post": reload}));
}

/// What a change needs of who asks.
pub fn security(changes: Changes) -> Option<Value> {
    (changes == Changes::WithToken).then(|| json!([{BEARER: []}]))
}

/// The ways to show who asks.
pub fn security_schemes(changes: Changes) -> Option<Value> {
    let bearer = json!({
        BEARER: {"type": "http", "scheme": "bearer", "description": "A line of server.admin_token_file."}
    });
    (changes == Changes::WithToken).then_some(bearer)
}

fn request() -> Value {
    json!({
        "type": "object",
        "required": ["model_path"],
        "additionalProperties": false,
        "properties": {
            "model_path": {
                "type": "string",
                "description": "A TorchScript file below model_root: relative to it, or absolute."
            },
            "canary": {
                "type": "string",
                "description": "Only this share of the requests, such as 10%, until it is promoted or aborted."
            }
        },
        "example": {"model_path": "new.pt"}
    })
}

fn responses() -> Map<String, Value> {
    let refusal = |(status, why): (&str, &str)| {
        let content =
            json!({"application/json": {"schema": {"$ref": "#/components/schemas/error"}}});
        (status.to_owned(), json!({"description": why, "content": content}))
    };
    let mut responses: Map<String, Value> = REFUSALS.into_iter().map(refusal).collect();
    let answer = json!({
        "type": "object",
        "required": ["status", "model", "path", "version", "duration_ms"],
        "properties": {
            "status": {"type": "string", "enum": ["swapped", "canary"]},
            "canary": {"type": "string", "description": "Its share of the requests."},
            "model": {"type": "string"},
            "path": {"type": "string"},
            "version": {"type": "integer"},
            "duration_ms": {"type": "number"}
        }
    });
    let content = json!({"application/json": {"schema": answer}});
    let swapped = json!({"description": "The new version is in service", "content": content});
    responses.insert("200".to_owned(), swapped);
    responses
}
