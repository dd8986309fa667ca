//! Where the programs and the models are.

use std::env;
use std::path::{Path, PathBuf};

/// A program of the workspace: the tests lie in `target/<profile>/deps`, the programs above.
pub fn program(name: &str) -> PathBuf {
    let this = env::current_exe().expect("the path of the test");
    let folder = this.parent().expect("a target directory");
    let folder = match folder.ends_with("deps") {
        true => folder.parent().expect("a target directory"),
        false => folder,
    };
    let path = folder.join(name);
    assert!(
        path.is_file(),
        "{} is missing: build the programs first, with cargo build --workspace --bins",
        path.display()
    );
    path
}

/// The root of the checkout.
pub fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the checkout")
}

/// A committed TorchScript model: of the tests, or one of the served ones.
pub fn model_file(name: &str) -> PathBuf {
    let places = ["tests/models", "configs/models"].map(|place| checkout().join(place).join(name));
    let found = places.iter().find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("no model {name} in {places:?}")).clone()
}
