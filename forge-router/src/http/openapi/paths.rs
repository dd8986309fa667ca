//! The document as a whole, and the entry of a model.

use serde_json::{Map, Value, json};

use super::document::{Batching, Changes, InputKind, ModelDocument, TensorDocument};
use super::{
    components, example, inference_paths, media, other_paths, reload_path, schema, server_paths,
};

const INTRODUCTION: &str = "A model has an entry for its predictions, with what it takes and answers. \
    Every answer carries `X-Request-ID`: yours, where you sent one. \
    Errors are `{\"detail\": \"…\"}`, under `/v2` `{\"error\": \"…\"}`.";

/// The document of these models and of the server's other routes.
pub fn document(models: &[ModelDocument], changes: Changes) -> Value {
    let predictions = models
        .iter()
        .map(|model| (format!("/v1/{}/predict", model.name), json!({"post": predict(model)})));
    let names: Vec<&str> = models.iter().map(|model| model.name.as_str()).collect();
    let paths: Map<String, Value> =
        predictions.chain(server_paths::paths(&names, changes)).collect();
    let tags: Vec<Value> = models
        .iter()
        .map(|model| json!({"name": model.name, "description": model.state}))
        .chain([
            json!({"name": server_paths::TAG, "description": "What is served, probes, metrics"}),
            json!({"name": inference_paths::TAG, "description": "For clients of Triton and KServe"}),
            json!({"name": other_paths::TAG, "description": "For those who come from there"}),
        ])
        .collect();
    let mut components = components::components();
    if let Some(schemes) = reload_path::security_schemes(changes) {
        components["securitySchemes"] = schemes;
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Forge",
            "version": env!("CARGO_PKG_VERSION"),
            "description": INTRODUCTION
        },
        // Relative to this document, so that a proxy may put Forge under a path of its own.
        "servers": [{"url": "."}],
        "tags": tags,
        "paths": paths,
        "components": components
    })
}

fn predict(model: &ModelDocument) -> Value {
    let refusals = components::REFUSALS.map(|(status, _)| components::refusal(status));
    let mut responses: Map<String, Value> = refusals.into_iter().collect();
    let mut answer = json!({"schema": response(model)});
    if let Some(example) = example::response(model) {
        answer["example"] = example;
    }
    let told = match model.output {
        Some(_) => "The prediction, in the form of the first answer",
        None => "The prediction",
    };
    responses
        .insert("200".to_owned(), json!({"description": told, "content": media::answers(answer)}));
    let mut content = json!({"schema": request(model)});
    if let Some(example) = example::request(model) {
        content["example"] = example;
    }
    let summary = match model.inputs {
        Some(_) => format!("Predict with {}", model.name),
        None => format!("Predict with {} ({})", model.name, model.state),
    };
    json!({
        "tags": [model.name],
        "operationId": format!("predict_{}", model.name),
        "summary": summary,
        "description": description(model),
        "parameters": media::parameters(),
        "requestBody": {"required": true, "content": media::requests(content, model.takes_images)},
        "responses": responses
    })
}

fn request(model: &ModelDocument) -> Value {
    let Some(inputs) = &model.inputs else {
        return json!({"type": "object", "description": "Not known before the model is loaded."});
    };
    let properties: Map<String, Value> =
        inputs.iter().map(|input| (input.name.clone(), schema::input(input))).collect();
    let required: Vec<&str> = inputs
        .iter()
        .filter(|input| input.is_required())
        .map(|input| input.name.as_str())
        .collect();
    let by_name = json!({
        "type": "object", "required": required, "properties": properties,
        "additionalProperties": false,
        "description": "The inputs by name; answered with outputs."
    });
    let Some((only, tensor)) = model.only_tensor() else {
        return json!({
            "type": "object", "required": ["inputs"], "properties": {"inputs": by_name}
        });
    };
    let mut input = schema::tensor(tensor);
    input["description"] = format!("{}, without its name; answered with output.", only.name).into();
    let dtype = match tensor {
        TensorDocument::Declared { dtype, .. } => json!({"const": dtype.name()}),
        TensorDocument::Answered { .. }
        | TensorDocument::Likely { .. }
        | TensorDocument::Unknown => {
            let mut dtype = schema::reference("dtype");
            dtype["default"] = "float32".into();
            dtype
        }
    };
    json!({
        "type": "object",
        "properties": {"input": input, "dtype": dtype, "inputs": by_name},
        "oneOf": [
            {"title": "one tensor", "required": ["input"]},
            {"title": "by name", "required": ["inputs"]}
        ]
    })
}

fn response(model: &ModelDocument) -> Value {
    let (output, outputs) = match &model.output {
        Some(output) => (schema::output(output), schema::named_output(output)),
        None => (
            json!({"description": "In the model's own structure."}),
            json!({"type": "object", "description": "In the model's own structure."}),
        ),
    };
    let mut properties = Map::new();
    properties.insert("model".to_owned(), json!({"type": "string", "const": model.name}));
    properties.insert("request_id".to_owned(), json!({"type": "string"}));
    properties.insert("latency_ms".to_owned(), json!({"type": "number"}));
    let mut schema = json!({"type": "object", "required": ["model", "request_id", "latency_ms"]});
    if model.inputs.is_none() || model.only_tensor().is_some() {
        properties.insert("output".to_owned(), output);
        schema["oneOf"] = json!([
            {"title": "to input", "required": ["output"]},
            {"title": "to inputs", "required": ["outputs"]}
        ]);
    } else {
        schema["required"] = json!(["model", "outputs", "request_id", "latency_ms"]);
    }
    properties.insert("outputs".to_owned(), outputs);
    schema["properties"] = properties.into();
    schema
}

fn description(model: &ModelDocument) -> String {
    let mut told = String::new();
    match &model.inputs {
        None => told.push_str(&format!(
            "The model is {}: what it takes is not known before it is loaded. \
             Reload this page then.\n\n",
            model.state
        )),
        Some(inputs) => {
            told.push_str("| input | takes |\n|---|---|\n");
            for input in inputs {
                let takes = match &input.kind {
                    InputKind::Tensor(TensorDocument::Declared { dtype, shape, .. }) => {
                        format!("{dtype} {}", schema::show_shape(shape))
                    }
                    InputKind::Tensor(_) => format!("{}, nothing declared", input.type_name()),
                    _ => input.type_name(),
                };
                let default = input.default.as_ref().map(|it| format!(", default `{it}`"));
                let name = &input.name;
                told.push_str(&format!("| `{name}` | {takes}{} |\n", default.unwrap_or_default()));
            }
            told.push('\n');
            if let Some(hint) = undeclared(model) {
                told.push_str(&hint);
            }
        }
    }
    told.push_str(&batching(model));
    told
}

/// How to declare what is not declared.
fn undeclared(model: &ModelDocument) -> Option<String> {
    let is_undeclared = |kind: &InputKind| matches!(kind, InputKind::Tensor(tensor) if !matches!(tensor, TensorDocument::Declared { .. }));
    let input = model.inputs.as_ref()?.iter().find(|input| is_undeclared(&input.kind))?;
    let guess = match input.kind {
        InputKind::Tensor(TensorDocument::Unknown) => "a guess that may not fit",
        InputKind::Tensor(TensorDocument::Likely { .. }) => "a guess by the model's first weight",
        _ => "like the first request that was answered",
    };
    Some(format!(
        "The config declares no inputs: the example is {guess}. \
         Declare them and they are checked, warmed, and shown here:\n\n\
         ```toml\n[[models.\"{}\".inputs]]\nname = \"{}\"\ndtype = \"float32\"\nshape = [3]\n```\n\n",
        model.name, input.name
    ))
}

fn batching(model: &ModelDocument) -> String {
    let limits = format!(
        "At most {} requests wait, each for at most {} s.",
        model.max_queue_depth, model.request_timeout_s
    );
    match model.batching {
        Batching::Rows { max_batch_size, window_ms } => {
            let window = match window_ms > 0.0 {
                true => format!(", held up to {window_ms} ms for company"),
                false => String::new(),
            };
            format!(
                "A request carries one row, without the batch dimension; Forge stacks up to \
                 {max_batch_size} rows{window}. {limits}"
            )
        }
        Batching::Off => {
            format!("A request carries the whole input and runs alone (batching = false). {limits}")
        }
    }
}
