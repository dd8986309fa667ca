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
    /// What the process had on its GPU is lost.
    DeviceLost,
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
        let text = reason(text);
        let status = match status {
            1 => Status::Raised,
            2 => Status::OutOfMemory,
            3 => Status::Output,
            4 => Status::Call,
            _ => told(text),
        };
        Self { status, text: text.to_owned() }
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
            Status::DeviceLost => Self::DeviceLost(failure.text),
            Status::Output => Self::OutputShape(failure.text),
            Status::Call => Self::Engine(failure.text),
        }
    }
}

/// What an error text of libtorch is about: memory, a lost GPU or an operation. The interpreter rethrows
/// whatever an operation threw as a plain `runtime_error`, so that only the text tells.
pub(crate) fn told(text: &str) -> Status {
    const MEMORY: [&str; 8] = [
        "DefaultCPUAllocator: can't allocate memory",
        "DefaultCPUAllocator: not enough memory",
        "CUDA out of memory",
        "CUDA error: out of memory",
        "CUDA driver error: out of memory",
        "CUBLAS_STATUS_ALLOC_FAILED",
        "CUDNN_STATUS_ALLOC_FAILED",
        "std::bad_alloc",
    ];
    // What the runtime reports was often noticed late, and whatever is called after such an error
    // returns it again. cuDNN and cuFFT also refuse arguments, which harms nothing.
    const LOST: [&str; 6] = [
        "CUDA error: ",
        "CUDA driver error: ",
        "CUDNN_STATUS_EXECUTION_FAILED",
        "CUDNN_STATUS_INTERNAL_ERROR",
        "CUDNN_STATUS_MAPPING_ERROR",
        "CUFFT_EXEC_FAILED",
    ];
    let has = |signs: &[&str]| signs.iter().any(|sign| text.contains(sign));
    match text {
        _ if has(&MEMORY) => Status::OutOfMemory,
        _ if has(&LOST) => Status::DeviceLost,
        _ => Status::Torch,
    }
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
    fn only_the_text_tells_whether_memory_ran_out_or_the_gpu_is_lost() {
        use Status::{DeviceLost, OutOfMemory, Torch};
        for (text, status) in [
            ("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried …", OutOfMemory),
            ("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has …", OutOfMemory),
            (
                "CUDA error: out of memory\nCUDA kernel errors might be asynchronously …",
                OutOfMemory,
            ),
            ("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", {
                OutOfMemory
            }),
            ("cuDNN error: CUDNN_STATUS_ALLOC_FAILED", OutOfMemory),
            ("CUDA error: device-side assert triggered\nCUDA kernel errors might …", DeviceLost),
            ("CUDA error: an illegal memory access was encountered", DeviceLost),
            ("CUDA error: unspecified launch failure", DeviceLost),
            ("CUDA error: uncorrectable ECC error encountered", DeviceLost),
            ("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm( …", DeviceLost),
            ("CUDA driver error: an illegal instruction was encountered", DeviceLost),
            ("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED", DeviceLost),
            ("cuFFT error: CUFFT_EXEC_FAILED", DeviceLost),
            ("cuDNN error: CUDNN_STATUS_NOT_SUPPORTED. This error may appear if …", Torch),
            ("cuDNN error: CUDNN_STATUS_BAD_PARAM", Torch),
            ("mat1 and mat2 shapes cannot be multiplied (1x3 and 4x2)", Torch),
            ("index 5 is out of bounds for dimension 0 with size 3", Torch),
            ("Expected all tensors to be on the same device, but found cuda:0 and cpu", Torch),
        ] {
            let traceback = "Traceback of TorchScript (most recent call last):\n  # CUDA error: …";
            for text in [text.to_owned(), format!("{traceback}\nRuntimeError: {text}\n")] {
                assert_eq!(Failure::new(5, &text).status, status, "{text}");
            }
        }
    }

    #[test]
    fn what_a_model_raises_is_the_models_whatever_it_says() {
        let text = "RuntimeError: CUDA error: device-side assert triggered";
        assert_eq!(Failure::new(1, text).status, Status::Raised);
    }
}
