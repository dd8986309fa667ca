//! Why a body was refused, in words its sender can act on.

use thiserror::Error;

use crate::tensor::Dtype;

/// What is wrong with a body. All of it is the sender's fault but [`DecodeError::Memory`].
///
/// `at` is the offset of the culprit in the body, in bytes.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The bytes are no JSON.
    #[error("malformed JSON at byte {at}: {what}")]
    Malformed { at: usize, what: &'static str },
    /// JSON of another kind than this place takes.
    #[error("{place} is {found}, expected {expected} (byte {at})")]
    WrongType { at: usize, place: String, found: &'static str, expected: &'static str },
    /// Rows of one tensor differ in length or depth.
    #[error("{input}: {what} (byte {at})")]
    Ragged { at: usize, input: String, what: String },
    /// A number that the dtype cannot hold.
    #[error("{place} is {literal}, which {dtype} cannot hold: {why} (byte {at})")]
    OutOfRange { at: usize, place: String, literal: String, dtype: Dtype, why: &'static str },
    /// A value that an argument which is no tensor cannot be.
    #[error("{place} is {literal}, expected {expected} (byte {at})")]
    WrongValue { at: usize, place: String, literal: String, expected: &'static str },
    /// An argument beside `inputs` instead of in it.
    #[error("{key} is an argument of the model: send it in \"inputs\" (byte {at})")]
    Misplaced { at: usize, key: String },
    /// A shape of more bytes than one row may take.
    #[error("{input} would take {needed} bytes, at most {limit} are taken")]
    TooLarge { input: String, needed: u64, limit: u64 },
    /// A tensor that has not as many elements as the shape beside it.
    #[error("{input} has shape {given}, which does not have the elements of shape {shape}")]
    WrongShape { input: String, given: String, shape: String },
    /// Data that is not what the shape beside it says.
    #[error("{input} has {count} elements, {}", for_shape(.shape, *.expected))]
    WrongCount { input: String, count: u64, shape: String, expected: Option<u64> },
    /// A parameter that only the server gives.
    #[error(
        "the parameter {key} cannot be given: what starts with triton_ is reserved (byte {at})"
    )]
    Reserved { at: usize, key: String },
    #[error("there is no shared memory here, send the tensors themselves (byte {at})")]
    NoSharedMemory { at: usize },
    #[error("{told} (byte {at})")]
    UnknownDatatype { at: usize, told: String },
    #[error("dtype {name:?} of {input} is unknown, known are {known} (byte {at})")]
    UnknownDtype { at: usize, input: String, name: String, known: String },
    /// Nothing to run the model on.
    #[error("{0}")]
    MissingInput(String),
    #[error("the key {key} stands twice in one object (byte {at})")]
    Duplicate { at: usize, key: String },
    /// A key that would be ours if it were spelt otherwise.
    #[error("the key {key} is unknown, known are {known} (byte {at})")]
    UnknownKey { at: usize, key: String, known: &'static str },
    /// Keys of ours that contradict each other.
    #[error("{0}")]
    Conflict(&'static str),
    #[error("{place} nests deeper than {limit} levels (byte {at})")]
    TooDeep { at: usize, place: String, limit: usize },
    /// More elements, inputs or letters than are taken.
    #[error("{place} has more than {limit} {what} (byte {at})")]
    TooMany { at: usize, place: String, limit: usize, what: &'static str },
    /// The budget refused; the same body may be taken later.
    #[error("no memory for {bytes} more bytes of decoded tensors: retry later")]
    Memory { bytes: usize },
}

impl DecodeError {
    /// Whether another dtype could make this body a good one.
    pub(super) fn depends_on_dtype(&self) -> bool {
        matches!(self, Self::OutOfRange { .. })
    }
}

fn for_shape(shape: &str, expected: Option<u64>) -> String {
    match expected {
        Some(expected) => format!("its shape {shape} takes {expected}"),
        None => format!("its shape {shape} takes more than there can be"),
    }
}

/// The start of a text from a client, short enough for a message.
pub(super) fn excerpt(text: &str) -> String {
    const LETTERS: usize = 48;
    match text.char_indices().nth(LETTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_letters() {
        assert_eq!(excerpt("short"), "short");
        let cut = excerpt(&"ä".repeat(100));
        assert_eq!(cut, format!("{}…", "ä".repeat(48)));
    }
}
