//! Runs TorchScript models with libtorch: the one place of Forge that knows either.
//!
//! `ffi` is the line between Rust and the C++ shim (`shim.cpp`) and holds most of the `unsafe`;
//! `convert` turns the bytes of a frame into tensors and tensors into bytes; `signature` reads what
//! the file tells of its `forward`; `libraries` judges the libtorch that was found; `cuda` makes GPUs
//! reachable. Only fallible `f_…` calls of tch are used, because the others panic.

mod convert;
mod cuda;
mod ffi;
mod libraries;
mod signature;
#[cfg(test)]
mod tests;

use std::sync::Once;

use forge_ipc::{InputView, LoadModel, OutputSink, Signature, Structure};
use forge_worker::{Description, Engine, EngineError, ModelFile};
use tch::{Device, Tensor};

pub(crate) use cuda::open_if_asked as open_cuda_if_asked;
pub(crate) use libraries::check as check_libraries;

/// A loaded TorchScript module and its `forward`.
#[derive(Debug)]
pub(crate) struct TorchScript {
    model: ffi::Model,
    signature: Signature,
    /// The places of the tensors among the arguments of `forward`.
    tensor_arguments: Vec<usize>,
    device: Device,
}

impl Engine for TorchScript {
    fn describe() -> Description {
        Description {
            engine: format!("libtorch {}", ffi::torch_version()),
            capability: ffi::cpu_capability(),
        }
    }

    fn load(file: &ModelFile, settings: &LoadModel) -> Result<Self, EngineError> {
        set_threads(settings.threads)?;
        let device = cuda::device(&settings.device).map_err(EngineError::Load)?;
        let model = ffi::Model::load(&file.path, device).map_err(|failure| load_error(&failure))?;
        let signature = signature::read(&model).map_err(|failure| load_error(&failure))?;
        let tensor_arguments = signature::tensor_arguments(&signature);
        Ok(Self { model, signature, tensor_arguments, device })
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The inputs are for the tensor arguments of `forward`, in their order. Arguments left over
    /// take their defaults.
    fn run(
        &mut self,
        inputs: &[InputView<'_>],
        _rows: u32,
        out: &mut dyn OutputSink,
    ) -> Result<(), EngineError> {
        let arguments = self.arguments(inputs)?;
        let outputs = self.model.run(&arguments)?;
        let structure = Structure::decode(outputs.structure())
            .map_err(|error| EngineError::OutputShape(format!("output: {error}")))?;
        convert::write_outputs(&outputs.into_leaves(), out)?;
        Ok(out.structure(&structure)?)
    }
}

impl TorchScript {
    fn arguments(&self, inputs: &[InputView<'_>]) -> Result<Vec<Option<Tensor>>, EngineError> {
        if inputs.len() > self.tensor_arguments.len() {
            return Err(EngineError::Engine(format!(
                "the model takes {} tensors, got {}",
                self.tensor_arguments.len(),
                inputs.len()
            )));
        }
        let mut arguments = Vec::new();
        for (input, place) in inputs.iter().zip(&self.tensor_arguments) {
            arguments.resize_with(*place, || None);
            arguments.push(Some(convert::to_tensor(input, self.device)?));
        }
        Ok(arguments)
    }
}

/// Intra-op threads as asked; a single inter-op thread, since a worker runs one batch at a time.
fn set_threads(intra_op: u32) -> Result<(), EngineError> {
    static INTER_OP: Once = Once::new();
    let intra_op = i32::try_from(intra_op)
        .ok()
        .filter(|threads| *threads > 0)
        .ok_or_else(|| EngineError::Load(format!("{intra_op} is no number of threads")))?;
    // libtorch takes the inter-op number only once in a process.
    INTER_OP.call_once(|| tch::set_num_interop_threads(1));
    tch::set_num_threads(intra_op);
    Ok(())
}

/// The first line of what libtorch says, with a word on whose fault it is.
fn load_error(failure: &ffi::Failure) -> EngineError {
    let mut lines = failure.text.lines().filter(|line| !line.trim().is_empty());
    let line = lines.next().unwrap_or("libtorch does not say why");
    EngineError::Load(if line.contains("PytorchStreamReader") {
        format!("not a TorchScript file, which torch.jit.save writes: {line}")
    } else {
        format!("cannot load the model: {line}")
    })
}

impl From<ffi::Failure> for EngineError {
    fn from(failure: ffi::Failure) -> Self {
        match failure.status {
            ffi::Status::Threw => Self::Threw(failure.text),
            ffi::Status::OutOfMemory => Self::OutOfMemory(failure.text),
            ffi::Status::Output => Self::OutputShape(failure.text),
            ffi::Status::Other => Self::Engine(failure.text),
        }
    }
}
