//! What the entries of the document share.

use serde_json::{Map, Value, json};

use crate::tensor::Dtype;

/// The statuses of a refused prediction, with why; see docs/http.md.
pub const REFUSALS: [(u16, &str); 10] = [
    (400, "The body ended early."),
    (404, "There is no such model; the registered names are listed."),
    (406, "No format that Accept allows can hold the answer."),
    (408, "The body came too slowly."),
    (413, "The body, what it expands to, or one row is too large."),
    (415, "The body is of a type that is not understood here."),
    (422, "Malformed JSON, ragged nesting, a wrong shape or dtype, a value its dtype cannot hold."),
    (500, "The model threw, or its output cannot be given back."),
    (503, "The queue or the memory for requests is full, or the model is not ready. Come again."),
    (504, "No answer within the model's request_timeout_s."),
];

/// `components` of the document.
pub fn components() -> Value {
    let mut schemas: Map<String, Value> =
        Dtype::ALL.into_iter().map(|dtype| (dtype.name().to_owned(), element(dtype))).collect();
    schemas.insert("tensor".to_owned(), any_tensor());
    let names = Dtype::ALL.map(Dtype::name);
    let dtype = json!({"type": "string", "enum": names, "description": "An element type, by torch's name."});
    schemas.insert("dtype".to_owned(), dtype);
    schemas.insert("error".to_owned(), error());
    json!({"schemas": schemas, "responses": responses()})
}

/// A reference to the response of a refusal.
pub fn refusal(status: u16) -> (String, Value) {
    (status.to_string(), json!({"$ref": format!("#/components/responses/{status}")}))
}

fn responses() -> Map<String, Value> {
    let response = |(status, why): (u16, &str)| {
        let mut response = json!({
            "description": why,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/error"}}}
        });
        if status == 503 {
            response["headers"] = json!({
                "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}
            });
        }
        (status.to_string(), response)
    };
    REFUSALS.into_iter().map(response).collect()
}

fn error() -> Value {
    json!({
        "type": "object",
        "required": ["detail"],
        "properties": {"detail": {"type": "string", "description": "What is wrong."}}
    })
}

/// One element of a tensor.
fn element(dtype: Dtype) -> Value {
    let (least, most) = match dtype {
        Dtype::Bool => return json!({"type": "boolean"}),
        Dtype::Float16 | Dtype::Bfloat16 | Dtype::Float32 => return float("float"),
        Dtype::Float64 => return float("double"),
        Dtype::Uint8 => (0, i64::from(u8::MAX)),
        Dtype::Int8 => (i64::from(i8::MIN), i64::from(i8::MAX)),
        Dtype::Int16 => (i64::from(i16::MIN), i64::from(i16::MAX)),
        Dtype::Int32 => (i64::from(i32::MIN), i64::from(i32::MAX)),
        Dtype::Int64 => return json!({"type": "integer", "format": "int64"}),
    };
    json!({"type": "integer", "minimum": least, "maximum": most})
}

/// JSON has no number for these three.
fn float(format: &str) -> Value {
    json!({"anyOf": [
        {"type": "number", "format": format},
        {"type": "string", "enum": ["NaN", "Infinity", "-Infinity"]}
    ]})
}

fn any_tensor() -> Value {
    json!({
        "description": "A number, or arrays nested as the tensor's dimensions.",
        "anyOf": [
            {"type": "number"},
            {"type": "boolean"},
            {"type": "string", "enum": ["NaN", "Infinity", "-Infinity"]},
            {"type": "array", "items": {"$ref": "#/components/schemas/tensor"}}
        ]
    })
}
