//! What holds of every decoder for any bytes that a client sends.
//!
//! ```text
//! fuzz/targets/NAME.rs: libFuzzer's bytes ─┐
//! fuzz/seeds/NAME/*: bytes that were kept ─┴─► the function NAME of a module here, which asserts
//! ```
//!
//! `scripts/fuzz` looks for bytes that break an assertion, panic, or take more memory than was asked
//! for; the tests here only replay those that are kept. Not part of a built `forge`.

mod configuration;
mod formats;
mod grpc;
mod http;
mod json;
mod purse;
mod v2;

/// A target: what its program and its seeds' folder are called, and what it asserts.
pub type Target = (&'static str, fn(&[u8]));

/// Every target of this crate.
pub const TARGETS: &[Target] = &[
    ("predict_json", json::predict),
    ("reload_json", json::reload),
    ("repository_json", json::repository),
    ("instances_json", json::instances),
    ("compressed_body", http::compressed_body),
    ("form", http::form),
    ("raw_headers", formats::raw_headers),
    ("npy", formats::npy),
    ("npz", formats::npz),
    ("safetensors", formats::safetensors),
    ("image", formats::image),
    ("v2_request", v2::request),
    ("v2_texts", v2::texts),
    ("grpc_request", grpc::request),
    ("triton_config", configuration::triton),
];

/// Runs the target of that name.
///
/// # Panics
/// Where what it asserts does not hold, or there is none of that name.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    let (_, target) = target.unwrap_or_else(|| panic!("there is no target {name}"));
    target(bytes);
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    fn fuzz(path: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz").join(path)
    }

    fn names(folder: &str) -> Vec<String> {
        let entries = fs::read_dir(fuzz(folder)).unwrap();
        let stem = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
        let mut names: Vec<String> = entries.map(|entry| stem(entry.unwrap().path())).collect();
        names.sort();
        names
    }

    #[test]
    fn kept_bytes_uphold_what_their_target_asserts() {
        for (name, target) in TARGETS {
            for seed in fs::read_dir(fuzz("seeds").join(name)).unwrap() {
                target(&fs::read(seed.unwrap().path()).unwrap());
            }
        }
    }

    #[test]
    fn every_target_has_a_program_and_seeds() {
        let all = TARGETS.iter().chain(&forge_ipc::fuzzing::TARGETS);
        let mut targets: Vec<String> = all.map(|(name, _)| (*name).to_owned()).collect();
        targets.sort();
        assert_eq!(names("targets"), targets);
        assert_eq!(names("seeds"), targets);
        let manifest = fs::read_to_string(fuzz("Cargo.toml")).unwrap();
        for name in targets {
            assert!(manifest.contains(&format!("path = \"targets/{name}.rs\"")), "{name}");
        }
    }
}
