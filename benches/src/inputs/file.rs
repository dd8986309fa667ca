//! Requests that a file holds: JSON, one after another or in one list.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Body;
use super::datatype::Datatype;
use super::tensor::{Elements, Tensor};

/// Why a file holds no requests.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path} is not JSON: {source}")]
    Json { path: PathBuf, source: serde_json::Error },
    #[error("{0} holds no request")]
    Empty(PathBuf),
    #[error("request {number} of {path}: {problem}")]
    Request { path: PathBuf, number: usize, problem: String },
}

/// Reads all requests of a file. One with the `inputs` of the Open Inference Protocol becomes tensors,
/// which any protocol can carry; other JSON stays as it is.
///
/// # Errors
/// Where it cannot be read, or what it holds is no request.
pub fn read_bodies(path: &Path) -> Result<Vec<Body>, FileError> {
    let path = path.to_owned();
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(source) => return Err(FileError::Read { path, source }),
    };
    let mut requests = Vec::new();
    for value in serde_json::Deserializer::from_slice(&text).into_iter::<Value>() {
        match value {
            Ok(Value::Array(list)) => requests.extend(list),
            Ok(value) => requests.push(value),
            Err(source) => return Err(FileError::Json { path, source }),
        }
    }
    if requests.is_empty() {
        return Err(FileError::Empty(path));
    }
    let numbered = (1..).zip(requests);
    let body = |(number, value)| {
        body(value).map_err(|problem| FileError::Request { path: path.clone(), number, problem })
    };
    numbered.map(body).collect()
}

fn body(value: Value) -> Result<Body, String> {
    match value.get("inputs") {
        Some(Value::Array(inputs)) => {
            Ok(Body::Tensors(inputs.iter().map(tensor).collect::<Result<_, _>>()?))
        }
        _ => Ok(Body::Json(value)),
    }
}

fn tensor(input: &Value) -> Result<Tensor, String> {
    let text = |member: &str| {
        let value = input.get(member).and_then(Value::as_str);
        value.ok_or_else(|| format!("an input without {member}"))
    };
    let name = text("name")?.to_owned();
    let datatype: Datatype = text("datatype")?.parse()?;
    let dims = input.get("shape").and_then(Value::as_array);
    let dims = dims.ok_or_else(|| format!("input {name} has no shape"))?;
    let dim = |dim: &Value| dim.as_u64().ok_or_else(|| format!("{dim} is no dimension of {name}"));
    let shape = dims.iter().map(dim).collect::<Result<Vec<_>, _>>()?;
    let data = input.get("data").ok_or_else(|| format!("input {name} has no data"))?;
    let elements = elements(datatype, data).map_err(|wrong| format!("input {name}: {wrong}"))?;
    let expected = shape.iter().try_fold(1, |product: u64, dim| product.checked_mul(*dim));
    if expected != Some(elements.len() as u64) {
        return Err(format!(
            "input {name} has {} elements, its shape another number",
            elements.len()
        ));
    }
    let has_rows = shape.first() == Some(&1);
    Ok(Tensor { name, datatype, shape, has_rows, elements })
}

fn elements(datatype: Datatype, data: &Value) -> Result<Elements, String> {
    let mut leaves = Vec::new();
    collect(data, &mut leaves);
    let wrong = |leaf: &Value| format!("{leaf} is no {}", datatype.name());
    let integer = |leaf: &Value| match leaf {
        Value::Bool(truth) => Some(i128::from(*truth)),
        leaf => leaf.as_i64().map(i128::from).or_else(|| leaf.as_u64().map(i128::from)),
    };
    let leaves = leaves.into_iter();
    Ok(match datatype {
        Datatype::Bytes => Elements::Texts(
            leaves
                .map(|leaf| leaf.as_str().map(str::to_owned).ok_or_else(|| wrong(leaf)))
                .collect::<Result<_, _>>()?,
        ),
        _ if datatype.is_fraction() => Elements::Fractions(
            leaves
                .map(|leaf| leaf.as_f64().ok_or_else(|| wrong(leaf)))
                .collect::<Result<_, _>>()?,
        ),
        _ => Elements::Integers(
            leaves
                .map(|leaf| integer(leaf).ok_or_else(|| wrong(leaf)))
                .collect::<Result<_, _>>()?,
        ),
    })
}

fn collect<'value>(value: &'value Value, into: &mut Vec<&'value Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, into)),
        leaf => into.push(leaf),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn inputs_of_the_protocol_become_tensors() {
        let request = json!({"inputs": [
            {"name": "ids", "datatype": "INT64", "shape": [1, 3], "data": [[1, 2, 3]]},
            {"name": "on", "datatype": "BOOL", "shape": [1], "data": [true]},
            {"name": "x", "datatype": "FP32", "shape": [2, 1], "data": [0.5, 1]},
        ]});
        let Ok(Body::Tensors(tensors)) = body(request) else { panic!("tensors") };
        assert_eq!(tensors[0].elements, Elements::Integers(vec![1, 2, 3]));
        assert_eq!(tensors[1].elements, Elements::Integers(vec![1]));
        assert_eq!(tensors[2].elements, Elements::Fractions(vec![0.5, 1.0]));
        assert_eq!(
            tensors.iter().map(|tensor| tensor.has_rows).collect::<Vec<_>>(),
            [true, true, false]
        );
    }

    #[test]
    fn other_json_stays_as_it_is() {
        let request = json!({"input": [1, 2]});
        assert_eq!(body(request.clone()), Ok(Body::Json(request)));
    }

    #[test]
    fn inputs_that_are_none_are_errors() {
        for input in [
            json!({}),
            json!({"name": "x", "datatype": "float", "shape": [1], "data": [1]}),
            json!({"name": "x", "datatype": "FP32", "shape": [2], "data": [1]}),
            json!({"name": "x", "datatype": "FP32", "shape": [1], "data": ["1"]}),
            json!({"name": "x", "datatype": "INT8", "shape": [1], "data": [0.5]}),
            json!({"name": "x", "datatype": "FP32", "shape": [-1], "data": [1]}),
        ] {
            assert!(body(json!({"inputs": [input]})).is_err(), "{input}");
        }
    }
}
