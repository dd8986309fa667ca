//! Where the programs and the models are.

use std::path::{Path, PathBuf};
use std::{env, fs};

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

/// What `torch.save` writes, as far as libtorch looks at it: an archive like a TorchScript file's but for one member.
pub fn weights_file() -> Vec<u8> {
    let mut bytes = fs::read(model_file("double.pt")).expect("the model's file");
    let (name, other) = (b"constants.pkl", b"constants.not");
    let places: Vec<usize> =
        (0..bytes.len() - name.len()).filter(|place| bytes[*place..].starts_with(name)).collect();
    assert!(!places.is_empty(), "double.pt is no TorchScript file");
    for place in places {
        bytes[place..place + other.len()].copy_from_slice(other);
    }
    bytes
}

/// A committed TorchScript model: of the tests, or one of the served ones.
pub fn model_file(name: &str) -> PathBuf {
    let places = ["tests/models", "configs/models"].map(|place| checkout().join(place).join(name));
    let found = places.iter().find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("no model {name} in {places:?}")).clone()
}
