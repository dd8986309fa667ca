//! The classification extension: the largest elements of each row in place of a tensor.

use std::cmp::Ordering;

use half::{bf16, f16};

use crate::config::Labels;
use crate::flat::{Elements, FlatOutput};
use crate::request::RequestError;
use crate::tensor::Dtype;

/// Elements of a row that are sorted, and classes of an answer: what is made of them takes more
/// memory than the tensor does.
const MOST_ELEMENTS: usize = 1 << 20;
const MOST_CLASSES: usize = 1 << 16;

/// The `classes` largest elements of each row as texts, `score:index` or
/// `score:index:label`, the largest first; all of a
/// row that has fewer. `rows` is how many there are; without rows the tensor is one.
///
/// # Errors
/// [`RequestError::Invalid`] where the output is no tensor of numbers, or a large one.
pub fn classify(
    output: FlatOutput,
    classes: u64,
    rows: Option<u32>,
    labels: Option<&Labels>,
) -> Result<FlatOutput, RequestError> {
    let FlatOutput { name, elements, .. } = output;
    let invalid = |cause: String| RequestError::Invalid(format!("output '{name}' {cause}"));
    let Elements::Numbers(dtype, bytes) = elements else {
        return Err(invalid("has no classes: it is no tensor of numbers".to_owned()));
    };
    let count = rows.map_or(1, |rows| rows.max(1) as usize);
    let length = bytes.len() / dtype.size() / count;
    let kept = usize::try_from(classes).unwrap_or(usize::MAX).min(length);
    if length > MOST_ELEMENTS || kept.saturating_mul(count) > MOST_CLASSES {
        return Err(invalid(format!(
            "has {length} elements in each of {count} rows: of at most {MOST_ELEMENTS} there are \
             classes, and at most {MOST_CLASSES} in one answer"
        )));
    }
    let rows_of_bytes = bytes.chunks(length.max(1) * dtype.size());
    let texts = rows_of_bytes.flat_map(|row| largest(dtype, row, kept, labels)).collect();
    let shape = rows.map(u64::from).into_iter().chain([kept as u64]).collect();
    Ok(FlatOutput { name, shape, elements: Elements::Texts(texts) })
}

fn largest(dtype: Dtype, row: &[u8], kept: usize, labels: Option<&Labels>) -> Vec<String> {
    let scores: Vec<f64> = row.chunks_exact(dtype.size()).map(|it| score(dtype, it)).collect();
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|one, other| largest_first(scores[*one], scores[*other]));
    let is_float =
        matches!(dtype, Dtype::Float16 | Dtype::Bfloat16 | Dtype::Float32 | Dtype::Float64);
    // As Triton writes them.
    let text = |place: &usize| {
        let mut text = match (scores[*place], is_float) {
            (score, true) => format!("{score:.6}:{place}"),
            (score, false) => format!("{score}:{place}"),
        };
        if let Some(label) = labels.and_then(|labels| labels.name(*place)) {
            text.push(':');
            text.push_str(label);
        }
        text
    };
    order.iter().take(kept).map(text).collect()
}

/// NaN last; of equal ones the first stays first, as the sort is stable.
fn largest_first(one: f64, other: f64) -> Ordering {
    match (one.is_nan(), other.is_nan()) {
        (false, false) => other.partial_cmp(&one).unwrap_or(Ordering::Equal),
        (one, other) => one.cmp(&other),
    }
}

/// An element as a number; of int64, the nearest.
fn score(dtype: Dtype, bytes: &[u8]) -> f64 {
    fn fixed<const N: usize>(bytes: &[u8]) -> [u8; N] {
        bytes.first_chunk().copied().unwrap_or([0; N])
    }
    match dtype {
        Dtype::Bool | Dtype::Uint8 => f64::from(fixed::<1>(bytes)[0]),
        Dtype::Int8 => f64::from(i8::from_le_bytes(fixed(bytes))),
        Dtype::Int16 => f64::from(i16::from_le_bytes(fixed(bytes))),
        Dtype::Int32 => f64::from(i32::from_le_bytes(fixed(bytes))),
        Dtype::Int64 => i64::from_le_bytes(fixed(bytes)) as f64,
        Dtype::Float16 => f16::from_le_bytes(fixed(bytes)).to_f64(),
        Dtype::Bfloat16 => bf16::from_le_bytes(fixed(bytes)).to_f64(),
        Dtype::Float32 => f64::from(f32::from_le_bytes(fixed(bytes))),
        Dtype::Float64 => f64::from_le_bytes(fixed(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(dtype: Dtype, data: Vec<u8>) -> FlatOutput {
        let elements = Elements::Numbers(dtype, data);
        FlatOutput { name: "scores".to_owned(), shape: vec![], elements }
    }

    fn texts(classified: &FlatOutput) -> Vec<&str> {
        match &classified.elements {
            Elements::Texts(texts) => texts.iter().map(String::as_str).collect(),
            Elements::Numbers(..) => panic!("{classified:?}"),
        }
    }

    #[test]
    fn the_largest_of_each_row_come_first_and_equal_ones_in_their_order() {
        let floats = [0.5f32, f32::NAN, 2.0, 0.5, -1.0, 7.0, 8.0, 9.0];
        let bytes = floats.iter().flat_map(|float| float.to_le_bytes()).collect();
        let classified = classify(output(Dtype::Float32, bytes), 3, Some(2), None).unwrap();
        assert_eq!(classified.shape, [2, 3]);
        assert_eq!(
            texts(&classified),
            ["2.000000:2", "0.500000:0", "0.500000:3", "9.000000:3", "8.000000:2", "7.000000:1",]
        );
    }

    #[test]
    fn a_row_has_no_more_classes_than_elements() {
        let classified = classify(output(Dtype::Int8, vec![255, 1]), u64::MAX, None, None).unwrap();
        assert_eq!((texts(&classified), &classified.shape[..]), (vec!["1:1", "-1:0"], &[2][..]));
        let classified = classify(output(Dtype::Int8, vec![]), 5, Some(3), None).unwrap();
        assert_eq!((texts(&classified), &classified.shape[..]), (vec![], &[3, 0][..]));
    }

    #[test]
    fn what_has_no_classes_is_refused() {
        let strings =
            FlatOutput { name: "s".into(), shape: vec![1], elements: Elements::Texts(vec![]) };
        for refused in [
            classify(strings, 1, None, None),
            classify(output(Dtype::Uint8, vec![0; MOST_ELEMENTS + 1]), 1, None, None),
            classify(output(Dtype::Uint8, vec![0; MOST_CLASSES + 1]), u64::MAX, None, None),
        ] {
            assert!(refused.unwrap_err().to_string().starts_with("output 's"));
        }
    }
}
