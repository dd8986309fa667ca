//! What it costs clients that a server is changed and that workers die: four figures, each with its
//! goal.

#![forbid(unsafe_code)]

mod memory;
mod poison;
mod recovery;
mod tail;

use forge_tests::{Forge, Setup};

/// The measures by the names under which they can be asked for; all where none is named.
const MEASURES: [(&str, fn()); 4] = [
    ("tail", tail::measure),
    ("recovery", recovery::measure),
    ("poison", poison::measure),
    ("memory", memory::measure),
];

fn main() {
    println!("nothing else may run meanwhile; median (lowest–highest)\n");
    let named: Vec<String> = std::env::args().skip(1).collect();
    for (name, measure) in MEASURES {
        if named.is_empty() || named.iter().any(|asked| asked == name) {
            measure();
        }
    }
}

/// A request to ResNet-50: one image of a single shade.
const IMAGE: &str = r#"{"inputs":{"x":{"data":0.5,"shape":[3,224,224]}}}"#;

/// ResNet-50 under the name `m`.
fn resnet() -> Setup {
    Setup::new().real_model("m", "resnet50.pt").with("max_batch_size = 8").with_inputs(&[(
        "x",
        "float32",
        "[3, 224, 224]",
    )])
}

fn swap(forge: &Forge, file: &str) -> f64 {
    let answer = forge.swap("m", file);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["duration_ms"].as_f64().unwrap_or_default()
}
