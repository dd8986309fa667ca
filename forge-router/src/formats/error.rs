//! What can be wrong with a body or with what its client accepts.

/// Why a body cannot be read, or an answer not be written as asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    // --- the client's fault
    #[error(
        "bodies of {given} are not understood; there are application/json, \
         application/octet-stream, application/x-npy, application/x-npz, \
         application/vnd.safetensors, and image/jpeg and image/png where a model takes images"
    )]
    UnknownType { given: String },
    #[error(
        "model '{model}' takes no images: [models.{model}.preprocess] would say how they become \
         a tensor"
    )]
    NoImages { model: String },
    #[error("the answer cannot be given as asked (Accept): {0}")]
    NotAcceptable(String),
    /// The bytes are not what their type says.
    #[error("malformed {format}: {cause}")]
    Malformed { format: &'static str, cause: String },
    /// What the format can hold but no model takes, or a header that makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// It would become larger than is allowed.
    #[error("{0}")]
    TooLarge(String),
    // --- the server's state
    /// There is no memory for it now.
    #[error("{needed} more bytes are needed, of which there are too few now")]
    Memory { needed: usize },
}

impl FormatError {
    pub(super) fn malformed(format: &'static str, cause: impl Into<String>) -> Self {
        Self::Malformed { format, cause: cause.into() }
    }
}
