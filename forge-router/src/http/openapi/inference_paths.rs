//! The routes of the Open Inference Protocol: each once, with the model as a parameter.

use serde_json::{Map, Value, json};

use super::document::Changes;
use super::reload_path::security;

/// With spaces, so that no model can have this name.
pub const TAG: &str = "Open Inference Protocol V2";

/// Adds the routes to the document; `of_model` is their parameter, which is left out where there is no
/// model that it could be.
pub fn add(paths: &mut Map<String, Value>, of_model: Option<&Value>, changes: Changes) {
    for (path, id, summary) in [
        ("/v2", "v2_server", "The server and the extensions it has"),
        ("/v2/health/live", "v2_live", "Whether the process answers"),
        ("/v2/health/ready", "v2_ready", "Whether to send traffic"),
        ("/v2/models", "v2_models", "The names of the models"),
        ("/v2/models/stats", "v2_all_statistics", "Statistics of every model"),
    ] {
        paths.insert(path.to_owned(), json!({"get": operation(id, summary)}));
    }
    let index = operation("v2_index", "Every model and its state");
    paths.insert("/v2/repository/index".to_owned(), json!({"post": index}));
    let Some(of_model) = of_model else { return };
    for (path, id, summary) in [
        ("/v2/models/{model}", "v2_model", "What a model takes and returns"),
        ("/v2/models/{model}/ready", "v2_model_ready", "Whether a model is ready"),
        ("/v2/models/{model}/config", "v2_configuration", "A model's configuration"),
        ("/v2/models/{model}/stats", "v2_statistics", "A model's statistics"),
    ] {
        let mut entry = operation(id, summary);
        entry["parameters"] = of_model.clone();
        paths.insert(path.to_owned(), json!({"get": entry}));
    }
    let mut infer = operation("v2_infer", "Infer with a model");
    infer["parameters"] = of_model.clone();
    infer["requestBody"] = infer_body();
    infer["responses"]["200"]["content"] = json!({"application/json": {"schema": answer()}});
    paths.insert("/v2/models/{model}/infer".to_owned(), json!({"post": infer}));
    if changes == Changes::Nobody {
        return;
    }
    for (change, summary) in [
        ("load", "Serve what the model's file holds now, again where it was unloaded"),
        ("unload", "Take a model out of service"),
    ] {
        let mut entry = operation(&format!("v2_{change}"), summary);
        entry["parameters"] = of_model.clone();
        if let Some(security) = security(changes) {
            entry["security"] = security;
        }
        let path = format!("/v2/repository/models/{{model}}/{change}");
        paths.insert(path, json!({"post": entry}));
    }
}

fn operation(id: &str, summary: &str) -> Value {
    let refusal = json!({
        "description": "Why not",
        "content": {"application/json": {"schema": {
            "type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}
        }}}
    });
    json!({
        "tags": [TAG], "operationId": id, "summary": summary,
        "responses": {"200": {"description": "The answer"}, "default": refusal}
    })
}

fn infer_body() -> Value {
    let input = json!({
        "type": "object",
        "required": ["name", "datatype", "shape"],
        "properties": {
            "name": {"type": "string", "description": "An argument of the model, or INPUT__0, …"},
            "datatype": {"type": "string", "examples": ["FP32"]},
            "shape": {"type": "array", "items": {"type": "integer", "minimum": 0},
                      "description": "The first dimension is the rows."},
            "data": {"type": "array", "description": "Nested or flat; else the tensor follows the JSON as bytes."},
            "parameters": {"type": "object", "properties": {"binary_data_size": {"type": "integer"}}}
        }
    });
    let output = json!({
        "type": "object", "required": ["name"],
        "properties": {
            "name": {"type": "string"},
            "parameters": {"type": "object", "properties": {
                "binary_data": {"type": "boolean"}, "classification": {"type": "integer"}
            }}
        }
    });
    let schema = json!({
        "type": "object", "required": ["inputs"],
        "properties": {
            "id": {"type": "string"},
            "inputs": {"type": "array", "items": input},
            "outputs": {"type": "array", "items": output, "description": "All where there are none."},
            "parameters": {"type": "object", "properties": {
                "priority": {"type": "integer"},
                "timeout": {"type": "integer", "description": "Microseconds."},
                "binary_data_output": {"type": "boolean"}
            }}
        }
    });
    json!({"required": true, "content": {"application/json": {"schema": schema}}})
}

fn answer() -> Value {
    json!({
        "type": "object",
        "required": ["model_name", "model_version", "outputs"],
        "properties": {
            "id": {"type": "string"},
            "model_name": {"type": "string"},
            "model_version": {"type": "string"},
            "outputs": {"type": "array", "items": {
                "type": "object",
                "required": ["name", "datatype", "shape"],
                "properties": {
                    "name": {"type": "string"},
                    "datatype": {"type": "string"},
                    "shape": {"type": "array", "items": {"type": "integer"}},
                    "data": {"type": "array"}
                }
            }}
        }
    })
}
