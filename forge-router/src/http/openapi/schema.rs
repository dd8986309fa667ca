//! JSON schemas of what models take and answer.

use serde_json::{Map, Value, json};

use super::document::{InputDocument, InputKind, OutputDocument, TensorDocument};
use super::literal;
use crate::tensor::Dtype;

/// One argument, given by its name in `inputs`.
pub fn input(input: &InputDocument) -> Value {
    let mut schema = match &input.kind {
        InputKind::Tensor(tensor) => named_tensor(tensor),
        InputKind::Tensors => json!({"type": "array", "items": reference("tensor")}),
        InputKind::Int => json!({"type": "integer", "format": "int64"}),
        InputKind::Float => json!({"type": "number", "format": "double"}),
        InputKind::Bool => json!({"type": "boolean"}),
        InputKind::Str => json!({"type": "string"}),
        InputKind::Ints => json!({"type": "array", "items": {"type": "integer"}}),
        InputKind::Floats => json!({"type": "array", "items": {"type": "number"}}),
        InputKind::Other(_) => json!({}),
    };
    if input.optional {
        schema = json!({"anyOf": [schema, {"type": "null"}]});
    }
    schema["description"] = input_description(input).into();
    if let Some(default) = input.default.as_deref().and_then(literal::from_python) {
        schema["default"] = default;
    }
    schema
}

/// The elements of a tensor, nested as its shape.
pub fn tensor(tensor: &TensorDocument) -> Value {
    match tensor {
        TensorDocument::Declared { dtype, shape, .. } => {
            let nest = |items, dim: &Option<u64>| match dim {
                Some(dim) => {
                    json!({"type": "array", "items": items, "minItems": dim, "maxItems": dim})
                }
                None => json!({"type": "array", "items": items}),
            };
            shape.iter().rev().fold(element(*dtype), nest)
        }
        TensorDocument::Answered { .. }
        | TensorDocument::Likely { .. }
        | TensorDocument::Unknown => reference("tensor"),
    }
}

/// What a model answers.
pub fn output(output: &OutputDocument) -> Value {
    match output {
        OutputDocument::Tensor { dtype, rank } => {
            (0..*rank).fold(element(*dtype), |items, _| json!({"type": "array", "items": items}))
        }
        OutputDocument::None => json!({"type": "null"}),
        OutputDocument::Bool => json!({"type": "boolean"}),
        OutputDocument::Int => json!({"type": "integer"}),
        OutputDocument::Float => reference(Dtype::Float64.name()),
        OutputDocument::Str => json!({"type": "string"}),
        OutputDocument::Tuple(children) => {
            let length = children.len();
            let items: Vec<Value> = children.iter().map(self::output).collect();
            let mut schema = json!({"type": "array", "minItems": length, "maxItems": length});
            // An empty list of schemas is not allowed.
            if length > 0 {
                schema["prefixItems"] = items.into();
            }
            schema
        }
        OutputDocument::List(children) => match any_of(children) {
            None => json!({"type": "array"}),
            Some(child) => json!({"type": "array", "items": child}),
        },
        OutputDocument::Dict(members) => {
            object(members.iter().map(|(key, child)| (key.clone(), self::output(child))))
        }
    }
}

/// What a model answers to named inputs: always an object.
pub fn named_output(output: &OutputDocument) -> Value {
    match output {
        // Another answer may have more or fewer.
        OutputDocument::List(children) => match any_of(children) {
            None => json!({"type": "object"}),
            Some(child) => json!({"type": "object", "additionalProperties": child}),
        },
        _ => object(output.named().into_iter().map(|(name, child)| (name, self::output(child)))),
    }
}

/// A schema under `components`.
pub fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// The schema of each of them; `None` where there are none.
fn any_of(children: &[OutputDocument]) -> Option<Value> {
    let mut kinds: Vec<Value> = Vec::new();
    for kind in children.iter().map(output) {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    match kinds.len() {
        0 | 1 => kinds.pop(),
        _ => Some(json!({"anyOf": kinds})),
    }
}

fn element(dtype: Dtype) -> Value {
    reference(dtype.name())
}

fn object(members: impl Iterator<Item = (String, Value)>) -> Value {
    let members: Map<String, Value> = members.collect();
    let required: Vec<&String> = members.keys().collect();
    json!({"type": "object", "required": required, "properties": members})
}

/// The elements alone, or with what goes beside them.
fn named_tensor(given: &TensorDocument) -> Value {
    let data = tensor(given);
    let beside = json!({
        "type": "object",
        "required": ["data"],
        "properties": {
            "data": reference("tensor"),
            "dtype": reference("dtype"),
            "shape": {
                "type": "array",
                "items": {"type": "integer", "minimum": 0},
                "description": "The shape that data, a flat list or one number for all elements, is brought into."
            }
        }
    });
    json!({"anyOf": [data, beside]})
}

fn input_description(input: &InputDocument) -> String {
    let told = match &input.kind {
        InputKind::Tensor(TensorDocument::Declared { dtype, shape, .. }) => {
            format!("{dtype} {}", show_shape(shape))
        }
        _ => input.type_name(),
    };
    match &input.default {
        Some(default) => format!("{told}, {default} where it is left out"),
        None if input.optional => format!("{told}, None where it is left out"),
        None => told,
    }
}

/// A declared shape as the config writes it: -1 for a free dimension.
pub fn show_shape(shape: &[Option<u64>]) -> String {
    let dims: Vec<String> =
        shape.iter().map(|dim| dim.map_or("-1".to_owned(), |dim| dim.to_string())).collect();
    format!("[{}]", dims.join(", "))
}
