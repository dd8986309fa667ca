//! A tensor and its elements, as JSON and as bytes.

use half::{bf16, f16};
use serde_json::Value;

use super::datatype::Datatype;

/// A named input of a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    pub name: String,
    pub datatype: Datatype,
    /// With the rows, where the model takes several.
    pub shape: Vec<u64>,
    /// Whether the first dimension is the rows, which `/v1` leaves out.
    pub has_rows: bool,
    /// Row-major; as many as the shape says.
    pub elements: Elements,
}

/// The elements of a tensor.
#[derive(Clone, Debug, PartialEq)]
pub enum Elements {
    Fractions(Vec<f64>),
    /// Also the truth values: 0 and 1.
    Integers(Vec<i128>),
    Texts(Vec<String>),
}

impl Tensor {
    /// The elements in one list.
    pub fn flat(&self) -> Value {
        Value::Array(self.values())
    }

    /// Nested lists of one row's shape.
    pub fn nested_row(&self) -> Value {
        let skip = usize::from(self.has_rows);
        let mut values = self.values();
        // From the innermost dimension outwards.
        for dim in self.shape.get(skip + 1..).unwrap_or_default().iter().rev() {
            let length = usize::try_from(*dim).unwrap_or(usize::MAX).max(1);
            values = values.chunks(length).map(|part| Value::Array(part.to_vec())).collect();
        }
        match self.shape.len() > skip {
            true => Value::Array(values),
            false => values.into_iter().next().unwrap_or(Value::Null),
        }
    }

    /// The elements, little-endian; texts each with its length before it.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match &self.elements {
            Elements::Fractions(all) => {
                all.iter().for_each(|value| push_fraction(&mut bytes, self.datatype, *value));
            }
            Elements::Integers(all) => {
                all.iter().for_each(|value| push_integer(&mut bytes, self.datatype, *value));
            }
            Elements::Texts(all) => {
                for text in all {
                    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
                    bytes.extend(length.to_le_bytes());
                    bytes.extend(text.as_bytes());
                }
            }
        }
        bytes
    }

    fn values(&self) -> Vec<Value> {
        let is_bool = self.datatype == Datatype::Bool;
        match &self.elements {
            Elements::Fractions(all) => all.iter().map(|value| Value::from(*value)).collect(),
            Elements::Integers(all) if is_bool => {
                all.iter().map(|value| Value::from(*value != 0)).collect()
            }
            Elements::Integers(all) => all.iter().map(|value| integer(*value)).collect(),
            Elements::Texts(all) => all.iter().map(|text| Value::from(text.as_str())).collect(),
        }
    }
}

impl Elements {
    pub fn len(&self) -> usize {
        match self {
            Self::Fractions(all) => all.len(),
            Self::Integers(all) => all.len(),
            Self::Texts(all) => all.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn integer(value: i128) -> Value {
    match (i64::try_from(value), u64::try_from(value)) {
        (Ok(value), _) => Value::from(value),
        (_, Ok(value)) => Value::from(value),
        // No datatype holds it.
        _ => Value::Null,
    }
}

fn push_fraction(bytes: &mut Vec<u8>, datatype: Datatype, value: f64) {
    match datatype {
        Datatype::Fp64 => bytes.extend(value.to_le_bytes()),
        Datatype::Fp16 => bytes.extend(f16::from_f64(value).to_le_bytes()),
        Datatype::Bf16 => bytes.extend(bf16::from_f64(value).to_le_bytes()),
        _ => bytes.extend((value as f32).to_le_bytes()),
    }
}

fn push_integer(bytes: &mut Vec<u8>, datatype: Datatype, value: i128) {
    let size = match datatype {
        Datatype::Uint16 | Datatype::Int16 => 2,
        Datatype::Uint32 | Datatype::Int32 => 4,
        Datatype::Uint64 | Datatype::Int64 => 8,
        _ => 1,
    };
    // Two's complement: the low bytes are those of the smaller type.
    bytes.extend(&value.to_le_bytes()[..size]);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tensor(datatype: Datatype, shape: &[u64], elements: Elements) -> Tensor {
        let shape = shape.to_vec();
        Tensor { name: "x".to_owned(), datatype, shape, has_rows: true, elements }
    }

    #[test]
    fn a_row_is_nested_by_its_shape() {
        let of = |shape: &[u64]| {
            let count = shape.iter().product::<u64>();
            let elements = Elements::Integers((0..count).map(i128::from).collect());
            tensor(Datatype::Int64, shape, elements)
        };
        assert_eq!(of(&[1, 4]).nested_row(), json!([0, 1, 2, 3]));
        assert_eq!(of(&[1, 2, 2]).nested_row(), json!([[0, 1], [2, 3]]));
        assert_eq!(of(&[1, 2, 1, 2]).nested_row(), json!([[[0, 1]], [[2, 3]]]));
        assert_eq!(of(&[1]).nested_row(), json!(0));
        assert_eq!(Tensor { has_rows: false, ..of(&[1, 2]) }.nested_row(), json!([[0, 1]]));
        assert_eq!(of(&[1, 2, 2]).flat(), json!([0, 1, 2, 3]));
    }

    #[test]
    fn elements_are_little_endian() {
        let fractions = |datatype| tensor(datatype, &[1, 1], Elements::Fractions(vec![1.5]));
        assert_eq!(fractions(Datatype::Fp32).bytes(), 1.5f32.to_le_bytes());
        assert_eq!(fractions(Datatype::Fp64).bytes(), 1.5f64.to_le_bytes());
        assert_eq!(fractions(Datatype::Fp16).bytes(), [0x00, 0x3E]);
        assert_eq!(fractions(Datatype::Bf16).bytes(), [0xC0, 0x3F]);
        let integers = |datatype| tensor(datatype, &[1, 1], Elements::Integers(vec![-2]));
        assert_eq!(integers(Datatype::Int8).bytes(), [0xFE]);
        assert_eq!(integers(Datatype::Int64).bytes(), (-2i64).to_le_bytes());
        let texts = tensor(Datatype::Bytes, &[1, 1], Elements::Texts(vec!["ab".to_owned()]));
        assert_eq!(texts.bytes(), b"\x02\0\0\0ab");
    }

    #[test]
    fn truth_values_are_written_as_such() {
        let elements = Elements::Integers(vec![0, 1]);
        assert_eq!(tensor(Datatype::Bool, &[1, 2], elements).flat(), json!([false, true]));
    }
}
