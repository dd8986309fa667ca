//! The formats of a prediction beside JSON, and what its head may say of them.

use serde_json::{Map, Value, json};

use crate::formats::Format;

/// `content` of a request body: in JSON as told, and in the other formats.
pub fn requests(in_json: Value, takes_images: bool) -> Value {
    let mut content = of_formats(in_json);
    if takes_images {
        for image in ["image/jpeg", "image/png"] {
            content.insert(image.to_owned(), json!({}));
        }
    }
    content.into()
}

/// `content` of an answer: in JSON as told, and in the other formats.
pub fn answers(in_json: Value) -> Value {
    of_formats(in_json).into()
}

/// What a prediction's head and query may say.
pub fn parameters() -> Value {
    json!([
        {
            "name": "X-Forge-Batch", "in": "header", "schema": {"type": "boolean", "default": false},
            "description": "Whether the first dimension of every tensor is rows."
        },
        {
            "name": "X-Forge-Dtype", "in": "header", "schema": {"$ref": "#/components/schemas/dtype"},
            "description": "Of a body of application/octet-stream, where it is not declared."
        },
        {
            "name": "X-Forge-Shape", "in": "header",
            "schema": {"type": "string", "examples": ["3,224,224"]},
            "description": "Of a body of application/octet-stream, where it is not declared."
        },
        {
            "name": "top", "in": "query", "schema": {"type": "integer", "minimum": 1},
            "description": "Answer with so many classes, the best ones, in place of the outputs."
        }
    ])
}

/// An empty object says that the body is bytes (OpenAPI 3.1, section 4.8.14.1).
fn of_formats(in_json: Value) -> Map<String, Value> {
    let others = Format::ALL.into_iter().filter(|format| *format != Format::Json);
    std::iter::once((Format::Json.media_type().to_owned(), in_json))
        .chain(others.map(|format| (format.media_type().to_owned(), json!({}))))
        .collect()
}
