//! What it costs clients that a server is changed and that workers die: four figures, each with its
//! goal.

#![forbid(unsafe_code)]

mod memory;
mod poison;
mod recovery;
mod tail;

use forge_tests::{Forge, Setup, model_file};

fn main() {
    println!("nothing else may run meanwhile; median (lowest–highest) of the rounds\n");
    tail::measure();
    recovery::measure();
    poison::measure();
    memory::measure();
}

/// A request to ResNet-50: one image of a single shade.
const IMAGE: &str = r#"{"inputs":{"x":{"data":0.5,"shape":[3,224,224]}}}"#;

/// ResNet-50 under the name `m`, and the same file once more to swap to.
fn resnet() -> Forge {
    let forge = Setup::new()
        .real_model("m", "resnet50.pt")
        .with("max_batch_size = 8")
        .with_inputs(&[("x", "float32", "[3, 224, 224]")])
        .real_model("light", "dummy.pt")
        .start();
    let other = forge.directory().join("other.pt");
    let copied = std::fs::copy(model_file("resnet50.pt"), other);
    assert!(copied.is_ok(), "{copied:?}");
    forge
}

fn swap(forge: &Forge, file: &str) -> f64 {
    let answer = forge.swap("m", file);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["duration_ms"].as_f64().unwrap_or_default()
}
