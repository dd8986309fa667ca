//! The shipped worker: Forge's loop over TorchScript. The router starts it; it is no user command.

mod torchscript;

use std::process::ExitCode;

use torchscript::TorchScript;

/// The libtorch that was found cannot be used (`EX_UNAVAILABLE`); the router passes on what was said.
const UNUSABLE_LIBTORCH: u8 = 69;

fn main() -> ExitCode {
    if let Err(error) = torchscript::check_libraries() {
        forge_worker::say(error);
        return ExitCode::from(UNUSABLE_LIBTORCH);
    }
    // Before anything else asks libtorch for a device, because it looks for its CUDA half once and for good.
    torchscript::open_cuda_if_asked();
    forge_worker::run::<TorchScript>()
}
