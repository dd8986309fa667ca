//! Answers as named tensors, for protocols and formats that know no nesting.
//!
//! Leaves are numbered depth first. A leaf below a dict is named by its way down, the keys and places
//! joined by dots; any other `OUTPUT__n`, as Triton names what a PyTorch model leaves nameless. Values
//! that are no tensors become tensors: strings of bytes, `int` int64, `float` float64; None is left out.
//!
//! ```text
//! Tensor                                   OUTPUT__0
//! (Tensor, [Tensor, Tensor])               OUTPUT__0  OUTPUT__1  OUTPUT__2
//! {"logits": Tensor, "boxes": (Tensor,)}   logits     boxes.0
//! ```

use std::collections::HashSet;

use crate::request::{Answer, Output};
use crate::tensor::{Dtype, Structure, TensorMeta};

/// A leaf of an answer, whole.
#[derive(Clone, Debug, PartialEq)]
pub struct FlatOutput {
    pub name: String,
    /// With the rows where requests are batched.
    pub shape: Vec<u64>,
    pub elements: Elements,
}

/// The elements of a tensor, the last dimension fastest.
#[derive(Clone, Debug, PartialEq)]
pub enum Elements {
    /// Little-endian.
    Numbers(Dtype, Vec<u8>),
    Texts(Vec<String>),
}

/// What a leaf is, without its elements: for metadata.
#[derive(Clone, Debug, PartialEq)]
pub struct FlatKind {
    pub name: String,
    /// `None` for texts.
    pub dtype: Option<Dtype>,
    /// Of one row where requests are batched.
    pub row: Vec<u64>,
}

/// The name by its place that a leaf has beside its own.
fn numbered(leaf: usize) -> String {
    format!("OUTPUT__{leaf}")
}

/// The leaves of an answer, in their order.
pub fn flatten(outputs: Vec<Output>, structure: &Structure, rows: Option<u32>) -> Vec<FlatOutput> {
    let mut outputs = outputs.into_iter();
    let leaves = named_leaves(structure).into_iter();
    leaves
        .filter_map(|(name, leaf)| {
            let (shape, elements) = match leaf {
                Leaf::Tensor => {
                    let Output { row, data } = outputs.next()?;
                    (whole(&row, rows), Elements::Numbers(row.dtype, data))
                }
                Leaf::Values(values) => values_of(&values)?,
            };
            Some(FlatOutput { name, shape, elements })
        })
        .collect()
}

/// [`flatten`] of a whole answer.
pub fn flatten_answer(answer: Answer) -> Vec<FlatOutput> {
    let rows = answer.is_batched.then_some(answer.rows);
    flatten(answer.outputs, &answer.structure, rows)
}

/// What the leaves of such an answer are.
pub fn kinds(outputs: &[TensorMeta], structure: &Structure) -> Vec<FlatKind> {
    let mut outputs = outputs.iter();
    let kind = |(name, leaf)| match leaf {
        Leaf::Tensor => {
            let meta = outputs.next()?;
            Some(FlatKind { name, dtype: Some(meta.dtype), row: meta.shape.dims().to_vec() })
        }
        Leaf::Values(values) => {
            let dtype = match values_of(&values)?.1 {
                Elements::Numbers(dtype, _) => Some(dtype),
                Elements::Texts(_) => None,
            };
            Some(FlatKind { name, dtype, row: Vec::new() })
        }
    };
    named_leaves(structure).into_iter().filter_map(kind).collect()
}

fn whole(row: &TensorMeta, rows: Option<u32>) -> Vec<u64> {
    rows.map(u64::from).into_iter().chain(row.shape.dims().iter().copied()).collect()
}

enum Leaf<'a> {
    Tensor,
    /// One value, or as many as the request had rows.
    Values(Vec<&'a Structure>),
}

fn named_leaves(structure: &Structure) -> Vec<(String, Leaf<'_>)> {
    let mut leaves = Vec::new();
    collect(structure, &Way::default(), &mut leaves);
    let mut taken = HashSet::new();
    leaves
        .into_iter()
        .enumerate()
        .map(|(place, (name, leaf))| {
            let own = name.filter(|name| taken.insert(name.clone()));
            (own.unwrap_or_else(|| numbered(place)), leaf)
        })
        .collect()
}

/// The way from the root to a node.
#[derive(Clone, Default)]
struct Way {
    steps: Vec<String>,
    has_key: bool,
}

impl Way {
    fn then(&self, step: String, is_key: bool) -> Self {
        let mut steps = self.steps.clone();
        steps.push(step);
        Self { steps, has_key: self.has_key || is_key }
    }

    fn name(&self) -> Option<String> {
        self.has_key.then(|| self.steps.join("."))
    }
}

fn collect<'a>(node: &'a Structure, way: &Way, into: &mut Vec<(Option<String>, Leaf<'a>)>) {
    match node {
        Structure::None => {}
        Structure::Tensor => into.push((way.name(), Leaf::Tensor)),
        Structure::List(items) if are_values(items) => {
            into.push((way.name(), Leaf::Values(items.iter().collect())));
        }
        Structure::Tuple(items) | Structure::List(items) => {
            for (place, item) in items.iter().enumerate() {
                collect(item, &way.then(place.to_string(), false), into);
            }
        }
        Structure::Dict(members) => {
            for (key, member) in members {
                collect(member, &way.then(key.clone(), true), into);
            }
        }
        value => into.push((way.name(), Leaf::Values(vec![value]))),
    }
}

/// Whether these are values of one kind, which make one tensor.
fn are_values(items: &[Structure]) -> bool {
    let is_value = |item: &Structure| {
        matches!(
            item,
            Structure::Bool(_) | Structure::Int(_) | Structure::Float(_) | Structure::Str(_)
        )
    };
    let Some(first) = items.first().filter(|first| is_value(first)) else { return false };
    items.iter().all(|item| std::mem::discriminant(item) == std::mem::discriminant(first))
}

/// `None` where they are not all of one kind, which [`are_values`] has seen to.
fn values_of(values: &[&Structure]) -> Option<(Vec<u64>, Elements)> {
    let mut bytes = Vec::new();
    let mut texts = Vec::new();
    let mut dtype = None;
    for value in values {
        match value {
            Structure::Bool(value) => {
                dtype = Some(Dtype::Bool);
                bytes.push(u8::from(*value));
            }
            Structure::Int(value) => {
                dtype = Some(Dtype::Int64);
                bytes.extend_from_slice(&value.to_le_bytes());
            }
            Structure::Float(value) => {
                dtype = Some(Dtype::Float64);
                bytes.extend_from_slice(&value.to_le_bytes());
            }
            Structure::Str(text) => texts.push(text.clone()),
            _ => return None,
        }
    }
    let elements = match dtype {
        Some(dtype) => Elements::Numbers(dtype, bytes),
        None => Elements::Texts(texts),
    };
    Some((vec![values.len() as u64], elements))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::Shape;
    use Structure::{Dict, Float, Int, List, Str, Tensor, Tuple};

    fn names(structure: &Structure) -> Vec<String> {
        named_leaves(structure).into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn leaves_are_named_by_their_keys_and_else_by_their_place() {
        let dict = |key: &str, value| Dict(vec![(key.to_owned(), value)]);
        for (structure, expected) in [
            (Tensor, vec!["OUTPUT__0"]),
            (
                Tuple(vec![Tensor, List(vec![Tensor, Tensor])]),
                vec!["OUTPUT__0", "OUTPUT__1", "OUTPUT__2"],
            ),
            (
                Dict(vec![
                    ("logits".into(), Tensor),
                    ("boxes".into(), Tuple(vec![Tensor, Tensor])),
                ]),
                vec!["logits", "boxes.0", "boxes.1"],
            ),
            (
                Tuple(vec![dict("a", Tensor), Tensor, dict("a", Tensor)]),
                vec!["0.a", "OUTPUT__1", "2.a"],
            ),
            (
                Dict(vec![("a".into(), dict("b", Tensor)), ("a.b".into(), Tensor)]),
                vec!["a.b", "OUTPUT__1"],
            ),
            (Tuple(vec![Structure::None, Tensor]), vec!["OUTPUT__0"]),
            (List(vec![Str("x".into()), Str("y".into())]), vec!["OUTPUT__0"]),
        ] {
            assert_eq!(names(&structure), expected, "{structure:?}");
        }
    }

    #[test]
    fn tensors_get_their_rows_and_values_become_tensors() {
        let row = TensorMeta { dtype: Dtype::Uint8, shape: Shape::new(&[2]).unwrap() };
        let structure = Tuple(vec![
            Tensor,
            List(vec![Str("cat".into()), Str("dog".into())]),
            Int(-1),
            Float(0.5),
            Structure::Bool(true),
        ]);
        let outputs = vec![Output { row, data: vec![1, 2, 3, 4] }];
        let flat = flatten(outputs, &structure, Some(2));
        let shapes: Vec<&[u64]> = flat.iter().map(|output| output.shape.as_slice()).collect();
        assert_eq!(shapes, [&[2, 2][..], &[2], &[1], &[1], &[1]]);
        assert_eq!(flat[0].elements, Elements::Numbers(Dtype::Uint8, vec![1, 2, 3, 4]));
        assert_eq!(flat[1].elements, Elements::Texts(vec!["cat".into(), "dog".into()]));
        assert_eq!(flat[2].elements, Elements::Numbers(Dtype::Int64, vec![255; 8]));
        let kinds = kinds(&[row], &structure);
        assert_eq!(kinds[0].row, [2]);
        assert_eq!(kinds[1].dtype, None);
    }
}
