//! Which of an answer's outputs the client gets, and under which name.

use super::{InferRequest, RequestedOutput};
use crate::flat::{FlatOutput, flatten_answer, numbered};
use crate::request::{Answer, RequestError};

/// An output as the client asked for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Selected {
    pub output: FlatOutput,
    /// Whether it comes as bytes, where the transport leaves the choice.
    pub is_binary: bool,
}

/// The outputs in the order in which they were asked for; all where none was.
///
/// # Errors
/// [`RequestError::Invalid`] where there is no such output, or it is asked for twice.
pub fn select(
    answer: Answer,
    parameters: super::Parameters,
    requested: &[RequestedOutput],
) -> Result<Vec<Selected>, RequestError> {
    let mut leaves: Vec<Option<FlatOutput>> =
        flatten_answer(answer).into_iter().map(Some).collect();
    let all = parameters.binary_data_output;
    if requested.is_empty() {
        let selected = |output| Selected { output, is_binary: all };
        return Ok(leaves.into_iter().flatten().map(selected).collect());
    }
    let names: Vec<String> = leaves.iter().flatten().map(|leaf| leaf.name.clone()).collect();
    let mut selected = Vec::with_capacity(requested.len());
    for RequestedOutput { name, binary } in requested {
        let by_name = names.iter().position(|own| own == name);
        let place = by_name.or_else(|| (0..names.len()).find(|leaf| numbered(*leaf) == *name));
        let Some(place) = place else {
            let names = names.join(", ");
            let cause = format!("there is no output '{name}'; the model returns {names}");
            return Err(RequestError::Invalid(cause));
        };
        let Some(mut output) = leaves[place].take() else {
            let cause = format!("output '{name}' is asked for twice");
            return Err(RequestError::Invalid(cause));
        };
        output.name.clone_from(name);
        selected.push(Selected { output, is_binary: binary.unwrap_or(all) });
    }
    Ok(selected)
}

impl InferRequest {
    /// [`select`] for this request.
    pub fn select(&self, answer: Answer) -> Result<Vec<Selected>, RequestError> {
        select(answer, self.parameters, &self.outputs)
    }
}
