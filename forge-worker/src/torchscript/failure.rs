//! What the shim could not do, and what libtorch's words for it mean.

use forge_worker::EngineError;

/// Why the shim could not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: Status,
    /// Without C++ or TorchScript traceback.
    pub(crate) text: String,
}

/// Whose fault a [`Failure`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// The model's code said `raise`.
    Raised,
    /// The device has no memory for a batch of this size.
    OutOfMemory,
    /// The model returned something that has no form outside.
    Output,
    /// The caller's mistake.
    Call,
    /// An operation of libtorch's failed.
    Torch,
}

impl Failure {
    /// Reads a status and a text of the shim.
    pub(crate) fn new(status: i32, text: &str) -> Self {
        let status = match status {
            1 => Status::Raised,
            2 => Status::OutOfMemory,
            3 => Status::Output,
            4 => Status::Call,
            _ if tells_out_of_memory(text) => Status::OutOfMemory,
            _ => Status::Torch,
        };
        Self { status, text: reason(text).to_owned() }
    }

    pub(crate) fn call(text: &str) -> Self {
        Self { status: Status::Call, text: text.to_owned() }
    }
}

/// What went wrong in a run. An operation that fails there does so for these inputs.
impl From<Failure> for EngineError {
    fn from(failure: Failure) -> Self {
        match failure.status {
            Status::Raised | Status::Torch => Self::Threw(failure.text),
            Status::OutOfMemory => Self::OutOfMemory(failure.text),
            Status::Output => Self::OutputShape(failure.text),
            Status::Call => Self::Engine(failure.text),
        }
    }
}

/// Whether an error text of libtorch is about memory. The interpreter rethrows whatever an
/// operation threw as a plain `runtime_error`, so that only the text tells.
pub(crate) fn tells_out_of_memory(text: &str) -> bool {
    const SIGNS: [&str; 6] = [
        "DefaultCPUAllocator: can't allocate memory",
        "DefaultCPUAllocator: not enough memory",
        "CUDA out of memory",
        "CUDA error: out of memory",
        "CUBLAS_STATUS_ALLOC_FAILED",
        "std::bad_alloc",
    ];
    SIGNS.iter().any(|sign| text.contains(sign))
}

/// What a failed operation says, without the interpreter's traceback before it.
fn reason(text: &str) -> &str {
    let start = text.rfind("\nRuntimeError: ").map_or(0, |newline| newline + 1);
    text[start..].trim_end_matches('\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interpreters_traceback_is_taken_off() {
        let text = "The following operation failed in the TorchScript interpreter.\nTraceback \
                    (most recent call last):\n  File …\nRuntimeError: mat1 and mat2 …\n";
        assert_eq!(reason(text), "RuntimeError: mat1 and mat2 …");
        assert_eq!(reason("one line"), "one line");
    }

    #[test]
    fn only_the_text_tells_that_memory_ran_out() {
        let text = "RuntimeError: [enforce fail] DefaultCPUAllocator: can't allocate memory: …";
        assert_eq!(Failure::new(5, text).status, Status::OutOfMemory);
        assert_eq!(Failure::new(5, "something else").status, Status::Torch);
    }
}
