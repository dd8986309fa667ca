//! What a model is shown with: a request that is to succeed when it is sent as it is, and the form
//! of its answer.

use serde_json::{Map, Value, json};

use super::document::{InputDocument, InputKind, ModelDocument, OutputDocument, TensorDocument};
use crate::tensor::Dtype;

/// A tensor of more elements is given as one number and its shape, by name: pages of zeros tell
/// nobody more.
const MOST_WRITTEN_OUT: u64 = 64;

/// What stands for a free dimension, as in warm-up.
const FREE_DIM: u64 = 1;

/// A body of `POST /v1/{model}/predict`; `None` while nobody knows what the model takes.
pub fn request(model: &ModelDocument) -> Option<Value> {
    if let Some((_, tensor)) = model.only_tensor()
        && let Elements::WrittenOut(data) = elements(tensor)
    {
        let mut body = json!({"input": data});
        if let Some(dtype) = dtype_to_tell(tensor) {
            body["dtype"] = dtype.name().into();
        }
        return Some(body);
    }
    let required = model.inputs.as_deref()?.iter().filter(|input| input.is_required());
    let inputs: Map<String, Value> =
        required.map(|input| (input.name.clone(), value(input))).collect();
    Some(json!({"inputs": inputs}))
}

/// The answer to [`request`], with zeros for what the model computes.
pub fn response(model: &ModelDocument) -> Option<Value> {
    let request = request(model)?;
    let output = model.output.as_ref()?;
    let (key, output) = match request.get("input") {
        Some(_) => ("output", zero(output)),
        None => ("outputs", named_zero(output)),
    };
    let (id, latency) = ("8c3b0f2a51d6e497", 0.412);
    Some(json!({"model": model.name, key: output, "request_id": id, "latency_ms": latency}))
}

fn zero(output: &OutputDocument) -> Value {
    match output {
        OutputDocument::Tensor { dtype, rank } => nested(&number(*dtype, 0), &vec![1; *rank]),
        OutputDocument::None => Value::Null,
        OutputDocument::Bool => json!(false),
        OutputDocument::Int => json!(0),
        OutputDocument::Float => json!(0.0),
        OutputDocument::Str => json!("text"),
        OutputDocument::Tuple(children) | OutputDocument::List(children) => {
            children.iter().map(zero).collect()
        }
        OutputDocument::Dict(members) => {
            members.iter().map(|(key, child)| (key.clone(), zero(child))).collect()
        }
    }
}

fn named_zero(output: &OutputDocument) -> Value {
    output.named().into_iter().map(|(name, child)| (name, zero(child))).collect()
}

fn value(input: &InputDocument) -> Value {
    match &input.kind {
        InputKind::Tensor(tensor) => named_tensor(tensor),
        InputKind::Tensors => json!([[1.0, 2.0, 3.0]]),
        InputKind::Int => json!(1),
        InputKind::Float => json!(1.0),
        InputKind::Bool => json!(true),
        InputKind::Str => json!("text"),
        InputKind::Ints => json!([1]),
        InputKind::Floats => json!([1.0]),
        InputKind::Other(_) => Value::Null,
    }
}

fn named_tensor(tensor: &TensorDocument) -> Value {
    let mut value = match elements(tensor) {
        Elements::WrittenOut(data) => match dtype_to_tell(tensor) {
            None => return data,
            Some(_) => json!({"data": data}),
        },
        Elements::Filled { with, shape } => json!({"data": with, "shape": shape}),
    };
    if let Some(dtype) = dtype_to_tell(tensor) {
        value["dtype"] = dtype.name().into();
    }
    value
}

enum Elements {
    /// Nested arrays.
    WrittenOut(Value),
    /// One number for all.
    Filled { with: Value, shape: Vec<u64> },
}

/// Declared tensors are what the model was warmed with, mostly zeros. Where nothing is declared
/// it has not run on zeros, and ones are the safer guess: they divide, and embeddings have a row 1.
fn elements(tensor: &TensorDocument) -> Elements {
    let (with, shape) = match tensor {
        TensorDocument::Declared { dtype, shape, number: made_up } => {
            (number(*dtype, *made_up), shape.iter().map(|dim| dim.unwrap_or(FREE_DIM)).collect())
        }
        TensorDocument::Answered { dtype, shape } | TensorDocument::Likely { dtype, shape } => {
            (number(*dtype, 1), shape.clone())
        }
        TensorDocument::Unknown => return Elements::WrittenOut(json!([1.0, 2.0, 3.0])),
    };
    let count = shape.iter().try_fold(1u64, |count, dim| count.checked_mul(*dim));
    match count {
        Some(..=MOST_WRITTEN_OUT) => Elements::WrittenOut(nested(&with, &shape)),
        _ => Elements::Filled { with, shape },
    }
}

fn nested(with: &Value, shape: &[u64]) -> Value {
    // A loop over the dimensions, innermost first: each level repeats the one below it.
    shape.iter().rev().fold(with.clone(), |inner, dim| (0..*dim).map(|_| inner.clone()).collect())
}

fn number(dtype: Dtype, value: u8) -> Value {
    match dtype {
        Dtype::Bool => json!(value != 0),
        Dtype::Float16 | Dtype::Bfloat16 | Dtype::Float32 | Dtype::Float64 => {
            json!(f64::from(value))
        }
        Dtype::Uint8 | Dtype::Int8 | Dtype::Int16 | Dtype::Int32 | Dtype::Int64 => json!(value),
    }
}

/// The dtype that a request must tell: neither declared nor the one that is taken for granted.
fn dtype_to_tell(tensor: &TensorDocument) -> Option<Dtype> {
    match tensor {
        TensorDocument::Answered { dtype, .. } | TensorDocument::Likely { dtype, .. } => {
            Some(*dtype).filter(|it| *it != Dtype::Float32)
        }
        TensorDocument::Declared { .. } | TensorDocument::Unknown => None,
    }
}
