//! Makes the models of `configs/` and the fixtures of `tests/`; `scripts/make-models` runs it.
//!
//! TorchScript's own compiler writes them from source text, so no Python is needed. A seed is fixed
//! and libtorch pinned, so that they come out the same again.

mod define;
mod fixtures;
mod resnet;
mod small;

use std::{env, path::Path, process::ExitCode};

fn main() -> ExitCode {
    // The package lies in the checkout's root.
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let models = checkout.join("configs/models");
    let made = match env::args().nth(1).as_deref() {
        None => small::make(&models, &checkout.join("tests/models")),
        Some("resnet50") => resnet::make(&models.join("resnet50.pt")),
        Some(other) => Err(format!("there is no model {other} to make; it is resnet50 or nothing")),
    };
    match made {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("make-models: {error}");
            ExitCode::FAILURE
        }
    }
}
