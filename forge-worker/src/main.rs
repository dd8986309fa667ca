//! The shipped worker: Forge's loop over TorchScript. The router starts it; it is no user command.

mod torchscript;

use std::process::ExitCode;

use torchscript::TorchScript;

fn main() -> ExitCode {
    // First of all, because libtorch looks for its CUDA half once and for good.
    torchscript::open_cuda_if_asked();
    forge_worker::run::<TorchScript>()
}
