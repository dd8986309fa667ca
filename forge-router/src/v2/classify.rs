//! The classification extension: the largest elements of each row in place of a tensor.

use crate::config::Labels;
use crate::flat::{Elements, FlatOutput};
use crate::numbers::{is_float, largest_first, numbers};
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
    let scores = numbers(dtype, row);
    // As Triton writes them.
    let text = |place: &usize| {
        let mut text = match (scores[*place], is_float(dtype)) {
            (score, true) => format!("{score:.6}:{place}"),
            (score, false) => format!("{score}:{place}"),
        };
        if let Some(label) = labels.and_then(|labels| labels.name(*place)) {
            text.push(':');
            text.push_str(label);
        }
        text
    };
    largest_first(&scores).iter().take(kept).map(text).collect()
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
