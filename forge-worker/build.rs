//! Compiles the C++ shim against libtorch's headers and tells the linker where libtorch lies.

use std::env;
use std::path::{Path, PathBuf};

const ENGINE: &str = "src/torchscript";
const MODEL_MAKER: &str = "examples/make_models";

fn main() {
    println!("cargo::rerun-if-env-changed=LIBTORCH");
    match libtorch() {
        Ok(libtorch) => build(&libtorch),
        // Fails the build with this sentence alone.
        Err(sentence) => println!("cargo::error={sentence}"),
    }
}

fn build(libtorch: &Path) {
    // A stage that changes under the same name must be compiled against anew.
    println!("cargo::rerun-if-changed={}", libtorch.join("build-version").display());
    compile(libtorch, "forge_torchscript", ENGINE, &["shim.cpp"]);
    println!("cargo::rerun-if-changed={ENGINE}/values.h");
    println!("cargo::rerun-if-changed={ENGINE}/reads.h");
    compile(libtorch, "forge_model_maker", MODEL_MAKER, &["define.cpp"]);
    // RUNPATH and not RPATH: libtorch_cpu.so has an RPATH of its own, and with RUNPATH here LD_LIBRARY_PATH can
    // point the worker at another complete libtorch.
    println!("cargo::rustc-link-arg=-Wl,--enable-new-dtags");
    println!("cargo::rustc-link-arg=-Wl,-rpath,$ORIGIN/../lib");
    println!("cargo::rustc-link-arg=-Wl,-rpath,{}", libtorch.join("lib").display());
}

/// The libtorch to build against, without links in its path, so that the worker finds it also when the checkout moves.
fn libtorch() -> Result<PathBuf, String> {
    let set = env::var_os("LIBTORCH").unwrap_or_else(|| ".libtorch".into());
    Path::new(&set)
        .canonicalize()
        .ok()
        .filter(|libtorch| libtorch.join("lib/libtorch_cpu.so").exists())
        .ok_or_else(|| format!("there is no libtorch in {}: run scripts/libtorch", set.display()))
}

/// Compiles one static library. Only the `#[link]` beside the declarations links it, not every user of this package.
fn compile(libtorch: &Path, library: &str, folder: &str, sources: &[&str]) {
    let sources: Vec<PathBuf> = sources.iter().map(|file| Path::new(folder).join(file)).collect();
    for source in &sources {
        println!("cargo::rerun-if-changed={}", source.display());
    }
    let include = libtorch.join("include");
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .cargo_metadata(false)
        // As system headers, libtorch's own do not warn.
        .flag("-isystem")
        .flag(&include)
        .flag("-isystem")
        .flag(include.join("torch/csrc/api/include"))
        .files(&sources)
        .compile(library);
    if let Some(folder) = env::var_os("OUT_DIR") {
        println!("cargo::rustc-link-search=native={}", folder.display());
    }
}
