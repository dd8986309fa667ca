//! `[[models.NAME.inputs]]`: what a model's tensors are, where the operator says so.

use std::collections::BTreeSet;

use toml::Value;

use super::error::{Problems, closest};
use super::section::Section;
use crate::tensor::{Dtype, MAX_RANK, MAX_TENSORS, Shape, TensorMeta};

/// The batch adds the rows dimension.
pub(super) const MAX_DIMS: usize = MAX_RANK - 1;

const LONGEST_NAME: usize = 128;
const NAME: &str = "the name of one of the model's arguments";
const DTYPE: &str = "a dtype by torch's name";
const SHAPE: &str = "a list of at most 7 dimensions, each at least 1 or -1 where it is free";

/// One declared input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredInput {
    /// An argument of the model's `forward`; or any name, where `place` tells the argument.
    pub name: String,
    /// Among the arguments, for a name that none of them has: what else the config calls it.
    pub place: Option<usize>,
    pub dtype: Dtype,
    /// One row, outermost dimension first, each at least 1; `None` is free.
    pub shape: Vec<Option<u64>>,
}

impl DeclaredInput {
    /// One row of the input; `None` where a dimension is free.
    pub fn fixed_row(&self) -> Option<TensorMeta> {
        let dims: Option<Vec<u64>> = self.shape.iter().copied().collect();
        Some(TensorMeta { dtype: self.dtype, shape: Shape::new(&dims?)? })
    }

    /// The bytes of the smallest row it can be; `None` where the product overflows.
    pub fn least_row_bytes(&self) -> Option<u64> {
        let dims: Vec<u64> = self.shape.iter().map(|dim| dim.unwrap_or(1)).collect();
        TensorMeta { dtype: self.dtype, shape: Shape::new(&dims)? }.bytes()
    }
}

/// Reads `inputs` of a model; none where the key is left out.
pub(super) fn read(section: &mut Section<'_>) -> Vec<DeclaredInput> {
    let key = section.key("inputs");
    let problems = section.problems();
    let tables = match section.take("inputs") {
        None => return Vec::new(),
        Some(Value::Array(tables)) => tables,
        Some(other) => {
            problems.value(&key, &other, format!("tables headed [[{key}]], one per input"), None);
            return Vec::new();
        }
    };
    if tables.len() > MAX_TENSORS {
        problems
            .conflict(&key, format!("{} inputs, at most {MAX_TENSORS} are allowed", tables.len()));
    }
    let mut names = BTreeSet::new();
    let mut inputs = Vec::with_capacity(tables.len());
    for (index, value) in tables.into_iter().enumerate() {
        let key = format!("{key}[{index}]");
        let Some(input) = read_input(&key, value, problems) else { continue };
        if !names.insert(input.name.clone()) {
            problems
                .conflict(&format!("{key}.name"), format!("{:?} is declared twice", input.name));
        }
        inputs.push(input);
    }
    inputs
}

fn read_input(key: &str, value: Value, problems: &Problems) -> Option<DeclaredInput> {
    let Value::Table(table) = value else {
        problems.value(key, &value, "a table with name, dtype and shape", None);
        return None;
    };
    let mut section = Section::new(key, table, problems);
    let name = required(&mut section, "name", NAME, name, |_| None);
    let dtype = required(&mut section, "dtype", DTYPE, dtype, suggest_dtype);
    let shape = required(&mut section, "shape", SHAPE, shape, |_| None);
    section.finish();
    Some(DeclaredInput { name: name?, place: None, dtype: dtype?, shape: shape? })
}

fn required<T>(
    section: &mut Section<'_>,
    key: &'static str,
    allowed: &str,
    read: impl FnOnce(&Value) -> Option<T>,
    suggest: impl FnOnce(&Value) -> Option<String>,
) -> Option<T> {
    let Some(value) = section.take(key) else {
        section.problems().missing(&section.key(key), allowed);
        return None;
    };
    let read = read(&value);
    if read.is_none() {
        section.problems().value(&section.key(key), &value, allowed, suggest(&value));
    }
    read
}

/// Names are not held to identifiers: a traced model may call its argument `input.1`.
fn name(value: &Value) -> Option<String> {
    let fits =
        |name: &&str| (1..=LONGEST_NAME).contains(&name.len()) && !name.contains(char::is_control);
    value.as_str().filter(fits).map(str::to_owned)
}

fn dtype(value: &Value) -> Option<Dtype> {
    Dtype::from_name(value.as_str()?)
}

fn suggest_dtype(value: &Value) -> Option<String> {
    let names = Dtype::ALL.map(Dtype::name);
    let given = value.as_str()?;
    let meant = closest(given.rsplit('.').next().unwrap_or(given), &names);
    Some(meant.map_or_else(|| format!("one of {}", names.join(", ")), |name| format!("{name:?}")))
}

fn shape(value: &Value) -> Option<Vec<Option<u64>>> {
    let dim = |value: &Value| match value.as_integer()? {
        -1 => Some(None),
        dim => u64::try_from(dim).ok().filter(|dim| *dim >= 1).map(Some),
    };
    let dims = value.as_array().filter(|dims| dims.len() <= MAX_DIMS)?;
    dims.iter().map(dim).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_fixed_where_no_dimension_is_free() {
        let declared = |shape: &[Option<u64>]| DeclaredInput {
            name: "x".to_owned(),
            place: None,
            dtype: Dtype::Float32,
            shape: shape.to_vec(),
        };
        for (shape, fixed, least) in [
            (&[Some(3), Some(2)][..], Some(24), Some(24)),
            (&[], Some(4), Some(4)),
            (&[None, Some(5)], None, Some(20)),
            (&[Some(u64::MAX), Some(2)], None, None),
        ] {
            let input = declared(shape);
            assert_eq!(input.fixed_row().and_then(|row| row.bytes()), fixed, "{shape:?}");
            assert_eq!(input.least_row_bytes(), least, "{shape:?}");
        }
    }
}
