//! Runs TorchScript models with libtorch: the one place of Forge that knows either.
//!
//! `ffi` is the line between Rust and the C++ shim (`shim.cpp`) and holds, with `raw`, most of the `unsafe`;
//! `failure` sorts what goes wrong behind it; `convert` turns the bytes of a frame into tensors, without
//! a copy where the model only reads them (`reads.h`), and tensors into bytes; `signature` reads what the
//! file tells of its `forward`; `fastest` finds the setting a model runs fastest with; `threads` sets
//! their number; `libraries` judges the libtorch that was found; `cuda` makes GPUs reachable. Only
//! fallible `f_…` calls of tch are used, because the others panic.

mod convert;
mod cuda;
mod failure;
mod fastest;
mod ffi;
mod libraries;
mod raw;
mod signature;
#[cfg(test)]
mod tests;
mod threads;

use forge_ipc::{
    Arguments, BatchView, Given, InputView, LoadModel, OutputSink, Signature, Structure, TensorMeta,
};
use forge_worker::{Chosen, Description, Engine, EngineError, ModelFile, Stopwatch};
use tch::{Device, Tensor};

pub(crate) use cuda::open_if_asked as open_cuda_if_asked;
use ffi::GivenArgument;
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

    fn set_up_thread(settings: &LoadModel) -> Result<(), EngineError> {
        threads::set(settings.threads)?;
        cuda::device(&settings.device).and_then(cuda::set_up).map_err(EngineError::Load)
    }

    fn load(file: &ModelFile, settings: &LoadModel) -> Result<Self, EngineError> {
        let device = cuda::device(&settings.device).map_err(EngineError::Load)?;
        let model = ffi::Model::load(&file.path, device).map_err(|failure| load_error(&failure))?;
        let signature = signature::read(&model).map_err(|failure| load_error(&failure))?;
        let tensor_arguments = signature::tensor_arguments(&signature);
        Ok(Self { model, signature, tensor_arguments, device })
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn remember(&mut self) -> Result<(), EngineError> {
        Ok(self.model.remember(true)?)
    }

    fn restore(&mut self) -> Result<Vec<String>, EngineError> {
        Ok(self.model.restore()?)
    }

    fn forget(&mut self) -> Result<(), EngineError> {
        Ok(self.model.remember(false)?)
    }

    fn optimize(&mut self, batches: &[Vec<TensorMeta>]) -> Result<Chosen, EngineError> {
        fastest::choose(self, batches)
    }

    fn take(&mut self, setting: &str) -> Result<(), EngineError> {
        fastest::take(self, setting)
    }

    fn run(
        &mut self,
        batch: &BatchView<'_>,
        out: &mut dyn OutputSink,
        watch: &mut Stopwatch,
    ) -> Result<(), EngineError> {
        let arguments = self.arguments(batch)?;
        watch.has_inputs();
        let returned = self.model.run(&arguments)?;
        watch.has_returned();
        let outputs = returned.bring_home()?;
        let structure = Structure::decode(outputs.structure())
            .map_err(|error| EngineError::OutputShape(format!("output: {error}")))?;
        convert::write_outputs(&outputs.into_leaves(), out)?;
        // No key makes room for these.
        out.structure(&structure).map_err(|full| {
            EngineError::OutputShape(format!(
                "the values of the output that are no tensors take {} bytes, at most {} can be \
                 returned: return them as tensors",
                full.needed, full.capacity
            ))
        })
    }
}

impl TorchScript {
    fn arguments(&self, batch: &BatchView<'_>) -> Result<Vec<GivenArgument>, EngineError> {
        let copies = !self.model.only_reads();
        let mut tensors = Tensors { left: batch.inputs.iter(), device: self.device, copies };
        let arguments = if batch.arguments.is_in_order() {
            self.in_order(&mut tensors, batch.inputs.len())?
        } else {
            as_given(batch.arguments, &mut tensors)?
        };
        match tensors.left.len() {
            0 => Ok(arguments),
            left => Err(EngineError::Engine(format!("{left} tensors are for no argument"))),
        }
    }

    fn in_order(
        &self,
        tensors: &mut Tensors<'_>,
        count: usize,
    ) -> Result<Vec<GivenArgument>, EngineError> {
        let mut arguments = Vec::with_capacity(count);
        for place in self.tensor_arguments.iter().take(count) {
            arguments.resize_with(*place, || GivenArgument::Default);
            arguments.push(GivenArgument::Tensor(tensors.next()?));
        }
        Ok(arguments)
    }
}

fn as_given(
    arguments: Arguments<'_>,
    tensors: &mut Tensors<'_>,
) -> Result<Vec<GivenArgument>, EngineError> {
    let given = arguments.decode().map_err(|error| EngineError::Engine(error.to_string()))?;
    let argument = |given| {
        Ok(match given {
            Given::Default => GivenArgument::Default,
            Given::Tensor => GivenArgument::Tensor(tensors.next()?),
            Given::Tensors(count) => {
                let list = (0..count).map(|_| tensors.next()).collect::<Result<_, _>>();
                GivenArgument::Tensors(list?)
            }
            Given::Value(value) => GivenArgument::Value(value),
        })
    };
    given.into_iter().map(argument).collect()
}

/// The tensors of a batch that have not found their argument yet.
struct Tensors<'a> {
    left: std::slice::Iter<'a, InputView<'a>>,
    device: Device,
    /// Whether each needs memory of its own.
    copies: bool,
}

impl Tensors<'_> {
    fn next(&mut self) -> Result<Tensor, EngineError> {
        let too_few = || EngineError::Engine("the batch has too few tensors".to_owned());
        let input = self.left.next().ok_or_else(too_few)?;
        // SAFETY: the arguments are dropped before the batch, whose bytes they are, is given back; the
        // model only reads them and keeps none.
        let borrowed = unsafe { convert::borrow(input) }?;
        if self.copies { convert::own(&borrowed, self.device) } else { Ok(borrowed) }
    }
}

/// The first line of what libtorch says, with a word on whose fault it is.
fn load_error(failure: &failure::Failure) -> EngineError {
    let mut lines = failure.text.lines().filter(|line| !line.trim().is_empty());
    let line = lines.next().unwrap_or("libtorch does not say why");
    EngineError::Load(if line.contains("constants.pkl") {
        "not a TorchScript file, which torch.jit.save writes: it holds weights or a pickled module \
         (torch.save). Export the model: torch.jit.script(model.eval()).save(\"model.pt\")"
            .to_owned()
    } else if line.contains("PytorchStreamReader") {
        // What libtorch adds speaks of corrupted downloads.
        let cause = line.split(". ").next().unwrap_or(line);
        format!("not a TorchScript file, which torch.jit.save writes, or a part of one: {cause}")
    } else {
        format!("cannot load the model: {line}")
    })
}
