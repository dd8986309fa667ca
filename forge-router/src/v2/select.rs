//! Which of an answer's outputs the client gets, and under which name.

use super::{InferRequest, Parameters, RequestedOutput, classify};
use crate::config::Labels;
use crate::flat::{self, FlatOutput, flatten_answer};
use crate::model::Version;
use crate::request::{Answer, RequestError};
use crate::tensor::place_in_name;

/// An output as the client asked for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Selected {
    pub output: FlatOutput,
    /// Whether it comes as bytes, where the transport leaves the choice.
    pub is_binary: bool,
}

/// Refuses what the model will not return, where it has returned something before: better than to
/// run it in vain.
///
/// # Errors
/// [`RequestError::Invalid`] where there is no such output.
pub fn check_outputs(requested: &[RequestedOutput], version: &Version) -> Result<(), RequestError> {
    let Some(example) = version.example().filter(|_| !requested.is_empty()) else { return Ok(()) };
    let kinds = flat::kinds(&example.outputs, &example.structure);
    let names: Vec<String> = kinds.into_iter().map(|kind| kind.name).collect();
    requested.iter().try_for_each(|output| place_of(&names, &output.name).map(drop))
}

/// The outputs in the order in which they were asked for; all where none was. `labels` are the names of
/// the classes that an output may be asked for.
///
/// # Errors
/// [`RequestError::Invalid`] where there is no such output, it is asked for twice, or it has no
/// classes.
pub fn select(
    answer: Answer,
    parameters: Parameters,
    requested: &[RequestedOutput],
    labels: Option<&Labels>,
) -> Result<Vec<Selected>, RequestError> {
    let rows = answer.is_batched.then_some(answer.rows);
    let leaves = flatten_answer(answer);
    let all = parameters.binary_data_output;
    if requested.is_empty() {
        let selected = |output| Selected { output, is_binary: all };
        return Ok(leaves.into_iter().map(selected).collect());
    }
    let names: Vec<String> = leaves.iter().map(|leaf| leaf.name.clone()).collect();
    let mut leaves: Vec<Option<FlatOutput>> = leaves.into_iter().map(Some).collect();
    let mut selected = Vec::with_capacity(requested.len());
    for RequestedOutput { name, binary, classes } in requested {
        let place = place_of(&names, name)?;
        let Some(mut output) = leaves.get_mut(place).and_then(Option::take) else {
            let cause = format!("output '{name}' is asked for twice");
            return Err(RequestError::Invalid(cause));
        };
        if *classes > 0 {
            output = classify(output, *classes, rows, labels)?;
        }
        output.name.clone_from(name);
        selected.push(Selected { output, is_binary: binary.unwrap_or(all) });
    }
    Ok(selected)
}

impl InferRequest {
    /// [`select`] for this request.
    pub fn select(
        &self,
        answer: Answer,
        labels: Option<&Labels>,
    ) -> Result<Vec<Selected>, RequestError> {
        select(answer, self.parameters, &self.outputs, labels)
    }
}

/// The place of the output of that name, which may be its own or one by its place, such as `OUTPUT__n`.
fn place_of(names: &[String], name: &str) -> Result<usize, RequestError> {
    let by_name = names.iter().position(|own| own == name);
    let by_place = || place_in_name(name).filter(|place| *place < names.len());
    let place = by_name.or_else(by_place);
    place.ok_or_else(|| {
        let names = names.join(", ");
        RequestError::Invalid(format!("there is no output '{name}'; the model returns {names}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flat::Elements;
    use crate::memory_budget::MemoryBudget;
    use std::time::Duration;

    use crate::request::{Compute, Output};
    use crate::tensor::{Dtype, Shape, Structure, TensorMeta};

    fn answer() -> Answer {
        let row = TensorMeta { dtype: Dtype::Uint8, shape: Shape::new(&[2]).unwrap() };
        let output = |data: [u8; 4]| Output { row, data: data.to_vec() };
        Answer {
            outputs: vec![output([1, 2, 3, 4]), output([5, 6, 8, 7])],
            structure: Structure::Dict(vec![
                ("low".to_owned(), Structure::Tensor),
                ("high".to_owned(), Structure::Tensor),
            ]),
            rows: 2,
            is_batched: true,
            compute: Compute::default(),
            waited: Duration::ZERO,
            memory: MemoryBudget::new(0).reservation(),
        }
    }

    fn asked(name: &str) -> RequestedOutput {
        RequestedOutput { name: name.to_owned(), ..RequestedOutput::default() }
    }

    #[test]
    fn outputs_come_in_the_order_and_by_the_names_they_are_asked_for() {
        let names = |requested: &[RequestedOutput]| -> Vec<String> {
            let selected = select(answer(), Parameters::default(), requested, None).unwrap();
            selected.into_iter().map(|selected| selected.output.name).collect()
        };
        assert_eq!(names(&[]), ["low", "high"]);
        assert_eq!(names(&[asked("high")]), ["high"]);
        assert_eq!(names(&[asked("OUTPUT__1"), asked("low")]), ["OUTPUT__1", "low"]);
    }

    #[test]
    fn each_output_is_binary_as_it_says_or_as_the_request_does() {
        let parameters = Parameters { binary_data_output: true, ..Parameters::default() };
        let text = RequestedOutput { binary: Some(false), ..asked("low") };
        let selected = select(answer(), parameters, &[text, asked("high")], None).unwrap();
        assert_eq!(selected.iter().map(|one| one.is_binary).collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn classes_replace_the_tensor_they_are_of() {
        let classes = RequestedOutput { classes: 1, ..asked("high") };
        let selected = select(answer(), Parameters::default(), &[classes], None).unwrap();
        let output = &selected[0].output;
        assert_eq!((output.name.as_str(), output.shape.as_slice()), ("high", &[2, 1][..]));
        let texts = ["6:1".to_owned(), "8:0".to_owned()];
        assert_eq!(output.elements, Elements::Texts(texts.to_vec()));
    }

    #[test]
    fn outputs_that_there_are_not_are_refused() {
        for (requested, cause) in [
            (vec![asked("other")], "there is no output 'other'; the model returns low, high"),
            (vec![asked("OUTPUT__2")], "there is no output 'OUTPUT__2'"),
            (vec![asked("low"), asked("OUTPUT__0")], "output 'OUTPUT__0' is asked for twice"),
        ] {
            let refused = select(answer(), Parameters::default(), &requested, None).unwrap_err();
            assert!(refused.to_string().contains(cause), "{refused}");
        }
    }
}
