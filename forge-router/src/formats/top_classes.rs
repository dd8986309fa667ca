//! The classes that a classifier scores highest, by their names.

use super::FormatError;
use crate::flat::{Elements, FlatOutput};
use crate::numbers::{is_float, largest_first, numbers};

/// One class of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Class {
    pub index: usize,
    pub score: f64,
}

/// The `top` classes of each row, best first; all where there are fewer. Scores are the model's own,
/// or with `softmax` probabilities that add up to 1 over all classes.
///
/// The scores are the answer's first tensor of floats, of which a row is one dimension.
///
/// # Errors
/// [`FormatError::NotAcceptable`] where the answer has no such tensor.
pub fn top_classes(
    outputs: &[FlatOutput],
    is_batch: bool,
    top: usize,
    softmax: bool,
) -> Result<Vec<Vec<Class>>, FormatError> {
    let none = || {
        let told = "top classes need an output of floats, one for each class";
        FormatError::NotAcceptable(told.to_owned())
    };
    let (shape, scores) = outputs.iter().find_map(scores).ok_or_else(none)?;
    let classes = match (shape, is_batch) {
        ([classes], false) | ([_, classes], true) => *classes as usize,
        // Some models keep the batch's dimension within a row.
        ([1, classes], false) => *classes as usize,
        _ => return Err(none()),
    };
    if classes == 0 {
        return Err(none());
    }
    Ok(scores.chunks_exact(classes).map(|row| top_of_row(row, top, softmax)).collect())
}

fn top_of_row(scores: &[f64], top: usize, softmax: bool) -> Vec<Class> {
    let class = |index| Class { index, score: scores[index] };
    let mut classes: Vec<Class> = largest_first(scores).into_iter().map(class).collect();
    if softmax {
        let highest = classes.first().map_or(0.0, |class| class.score);
        let sum: f64 = scores.iter().map(|score| (score - highest).exp()).sum();
        classes.iter_mut().for_each(|class| class.score = (class.score - highest).exp() / sum);
    }
    classes.truncate(top);
    classes
}

fn scores(output: &FlatOutput) -> Option<(&[u64], Vec<f64>)> {
    let Elements::Numbers(dtype, data) = &output.elements else { return None };
    is_float(*dtype).then(|| (output.shape.as_slice(), numbers(*dtype, data)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::Dtype;

    fn output(shape: &[u64], scores: &[f32]) -> FlatOutput {
        let data = scores.iter().flat_map(|score| score.to_le_bytes()).collect();
        let elements = Elements::Numbers(Dtype::Float32, data);
        FlatOutput { name: "y".into(), shape: shape.to_vec(), elements }
    }

    fn indices(rows: &[Vec<Class>]) -> Vec<Vec<usize>> {
        rows.iter().map(|row| row.iter().map(|class| class.index).collect()).collect()
    }

    #[test]
    fn the_best_come_first() {
        let outputs = [output(&[4], &[0.1, 0.7, f32::NAN, 0.2])];
        let rows = top_classes(&outputs, false, 2, false).unwrap();
        assert_eq!(indices(&rows), [[1, 3]]);
        assert_eq!(rows[0][0].score, f64::from(0.7f32));
        assert_eq!(indices(&top_classes(&outputs, false, 9, false).unwrap()), [[1, 3, 0, 2]]);
    }

    #[test]
    fn each_row_of_a_batch_has_its_own() {
        let outputs = [output(&[2, 2], &[1.0, 2.0, 2.0, 1.0])];
        assert_eq!(indices(&top_classes(&outputs, true, 1, false).unwrap()), [[1], [0]]);
    }

    #[test]
    fn softmax_makes_probabilities_of_scores_however_large() {
        let outputs = [output(&[2], &[10_000.0, 10_000.0 + 2f32.ln()])];
        let row = top_classes(&outputs, false, 2, true).unwrap().remove(0);
        assert!((row[0].score - 2.0 / 3.0).abs() < 1e-3, "{row:?}");
        assert!((row[0].score + row[1].score - 1.0).abs() < 1e-9);
    }

    #[test]
    fn an_answer_without_scores_has_no_classes() {
        let ints = FlatOutput {
            elements: Elements::Numbers(Dtype::Int64, vec![0; 8]),
            ..output(&[1], &[0.0])
        };
        for outputs in [vec![], vec![ints], vec![output(&[], &[0.0])], vec![output(&[0], &[])]] {
            assert!(top_classes(&outputs, false, 1, false).is_err());
        }
    }
}
