//! Inputs that are no tensors to the model: a number, a string, a list of numbers; one for all rows.

use super::{Datatype, InferInput, read_texts};
use crate::numbers::numbers;
use crate::tensor::{ArgumentKind, Dtype, Value};

/// Bytes of such an input. It travels with the batch, whose room for such is small; a client that
/// batches sends it once for each row.
pub const MOST_BYTES: usize = 1 << 20;

/// The value of an argument that is no tensor. Where requests are batched, the first dimension may be
/// the rows, which are all the same then.
///
/// # Errors
/// What is wrong with the input, to follow its name.
pub fn value(input: &InferInput, kind: &ArgumentKind, is_batched: bool) -> Result<Value, String> {
    if input.data.len() > MOST_BYTES {
        let size = input.data.len();
        return Err(format!("has {size} bytes, at most {MOST_BYTES} are taken for {kind}"));
    }
    let wrong = |expected: &str| format!("is {}, expected {expected} for {kind}", input.datatype);
    match kind {
        ArgumentKind::Str => {
            if input.datatype != Datatype::Bytes {
                return Err(wrong("BYTES"));
            }
            let count = input.shape.iter().try_fold(1u64, |count, dim| count.checked_mul(*dim));
            the_same(read_texts(&input.data.clone().whole(), count.unwrap_or(0))?).map(Value::Str)
        }
        ArgumentKind::Bool => match input.datatype {
            Datatype::Numbers(Dtype::Bool) => {
                the_same(input.data.bytes().copied().collect::<Vec<u8>>())
                    .map(|byte| Value::Bool(byte != 0))
            }
            _ => Err(wrong("BOOL")),
        },
        ArgumentKind::Int => {
            let ints = integers(input).ok_or_else(|| wrong("an integer datatype"))?;
            the_same(ints).map(Value::Int)
        }
        ArgumentKind::Ints => {
            let ints = integers(input).ok_or_else(|| wrong("an integer datatype"))?;
            one_row(ints, &input.shape, is_batched).map(Value::Ints)
        }
        ArgumentKind::Float => {
            let floats = floats(input).ok_or_else(|| wrong("a number's datatype"))?;
            the_same(floats).map(Value::Float)
        }
        ArgumentKind::Floats => {
            let floats = floats(input).ok_or_else(|| wrong("a number's datatype"))?;
            one_row(floats, &input.shape, is_batched).map(Value::Floats)
        }
        ArgumentKind::Tensor | ArgumentKind::Tensors | ArgumentKind::Other(_) => {
            Err(wrong("a tensor"))
        }
    }
}

/// The one value that all elements are.
fn the_same<T: PartialEq>(values: Vec<T>) -> Result<T, String> {
    let mut values = values.into_iter();
    let first = values.next().ok_or("is empty, expected one value")?;
    match values.all(|value| value == first) {
        true => Ok(first),
        false => Err("has different values, but is one for all rows".to_owned()),
    }
}

/// The one list that all rows are; where there are no rows, all of it.
fn one_row<T: PartialEq>(
    mut values: Vec<T>,
    shape: &[u64],
    is_batched: bool,
) -> Result<Vec<T>, String> {
    let [rows, _, ..] = shape else { return Ok(values) };
    let rows = usize::try_from(*rows).unwrap_or(0);
    if !is_batched || rows < 2 || values.is_empty() {
        return Ok(values);
    }
    let length = values.len() / rows;
    let (first, rest) = values.split_at(length);
    if !rest.chunks(length).all(|row| row == first) {
        return Err("has different rows, but is one list for all of them".to_owned());
    }
    values.truncate(length);
    Ok(values)
}

fn integers(input: &InferInput) -> Option<Vec<i64>> {
    let data = &input.data.clone().whole();
    let Datatype::Numbers(dtype) = input.datatype else { return None };
    Some(match dtype {
        Dtype::Uint8 => data.iter().map(|byte| i64::from(*byte)).collect(),
        Dtype::Int8 => data.iter().map(|byte| i64::from(byte.cast_signed())).collect(),
        Dtype::Int16 => chunks(data).map(|bytes| i64::from(i16::from_le_bytes(bytes))).collect(),
        Dtype::Int32 => chunks(data).map(|bytes| i64::from(i32::from_le_bytes(bytes))).collect(),
        Dtype::Int64 => chunks(data).map(i64::from_le_bytes).collect(),
        _ => return None,
    })
}

fn floats(input: &InferInput) -> Option<Vec<f64>> {
    let Datatype::Numbers(dtype) = input.datatype else { return None };
    (dtype != Dtype::Bool).then(|| numbers(dtype, &input.data.clone().whole()))
}

fn chunks<const N: usize>(data: &[u8]) -> impl Iterator<Item = [u8; N]> + '_ {
    data.as_chunks().0.iter().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(datatype: &str, shape: &[u64], data: &[u8]) -> InferInput {
        let datatype = Datatype::named(datatype).unwrap();
        let data = bytes::Bytes::copy_from_slice(data);
        InferInput { name: "n".to_owned(), datatype, shape: shape.to_vec(), data: data.into() }
    }

    #[test]
    fn values_are_read_from_whatever_numbers_hold_them() {
        let half = half::f16::from_f32(0.5).to_le_bytes();
        for (input, kind, expected) in [
            (input("INT64", &[1], &3i64.to_le_bytes()), ArgumentKind::Int, Value::Int(3)),
            (input("UINT8", &[1, 1], &[255]), ArgumentKind::Int, Value::Int(255)),
            (input("INT8", &[], &[255]), ArgumentKind::Int, Value::Int(-1)),
            (input("FP32", &[1], &0.5f32.to_le_bytes()), ArgumentKind::Float, Value::Float(0.5)),
            (input("FP16", &[1], &half), ArgumentKind::Float, Value::Float(0.5)),
            (input("INT8", &[1], &[2]), ArgumentKind::Float, Value::Float(2.0)),
            (input("BOOL", &[2, 1], &[1, 1]), ArgumentKind::Bool, Value::Bool(true)),
            (input("BYTES", &[1], b"\x01\0\0\0a"), ArgumentKind::Str, Value::Str("a".into())),
            (input("INT8", &[2], &[1, 2]), ArgumentKind::Ints, Value::Ints(vec![1, 2])),
            (input("INT8", &[2, 2], &[1, 2, 1, 2]), ArgumentKind::Ints, Value::Ints(vec![1, 2])),
            (input("INT8", &[2, 0], &[]), ArgumentKind::Floats, Value::Floats(vec![])),
        ] {
            assert_eq!(value(&input, &kind, true), Ok(expected), "{input:?}");
        }
    }

    #[test]
    fn what_is_no_such_value_is_refused() {
        let long = vec![0; MOST_BYTES + 1];
        for (input, kind, cause) in [
            (input("FP32", &[1], &[0; 4]), ArgumentKind::Int, "is FP32, expected an integer"),
            (input("INT8", &[1], &[1]), ArgumentKind::Bool, "is INT8, expected BOOL"),
            (input("INT8", &[1], &[1]), ArgumentKind::Str, "is INT8, expected BYTES for str"),
            (input("BYTES", &[1], &[0; 4]), ArgumentKind::Float, "is BYTES, expected a number"),
            (input("INT8", &[0], &[]), ArgumentKind::Int, "is empty"),
            (input("INT8", &[2], &[1, 2]), ArgumentKind::Int, "has different values"),
            (input("INT8", &[2, 1], &[1, 2]), ArgumentKind::Ints, "has different rows"),
            (input("BYTES", &[1], &[9; 4]), ArgumentKind::Str, "string 0 claims"),
            (input("INT8", &[1], &long), ArgumentKind::Ints, "at most 1048576 are taken"),
        ] {
            let refused = value(&input, &kind, true).unwrap_err();
            assert!(refused.contains(cause), "{refused}");
        }
    }
}
