//! The two Forges that things happen to, and the files that are swapped to.

use std::fs;
use std::os::unix::fs::symlink;

use forge_tests::{Forge, Setup, model_file, weights_file};

use crate::happenings::{Happening, to_libtorch, to_test_models};
use crate::life::WORKERS;

pub(crate) struct Stage {
    /// Starts one more of these Forges.
    pub(crate) start: fn() -> Forge,
    /// The files to swap to.
    pub(crate) files: &'static [&'static str],
    pub(crate) happenings: fn() -> Vec<&'static Happening>,
}

/// Of test models that answer like real ones until they are asked for a disaster.
pub(crate) const OF_TEST_MODELS: Stage = Stage {
    start: test_models,
    files: &["times-2.model", "times-3.model", "times-5.model"],
    happenings: to_test_models,
};

/// Of TorchScript.
pub(crate) const OF_LIBTORCH: Stage =
    Stage { start: libtorch, files: &["times-2.pt", "times-3.pt"], happenings: to_libtorch };

fn test_models() -> Forge {
    let setup = settings(Setup::new().test_model("m", "chaos 2"));
    let forge = setup.with("batch_timeout_s = 0.5\nload_timeout_s = 2.0").start();
    for (name, script) in [
        ("times-2.model", "chaos 2"),
        ("times-3.model", "chaos 3"),
        ("times-5.model", "chaos 5"),
        ("empty.bad", ""),
        ("no-model.bad", "not a model"),
        ("fails.bad", "fail-load no such operator"),
        ("crashes.bad", "crash-load SIGSEGV"),
        ("hangs.bad", "hang-load"),
        ("throws-warming.bad", "throw always"),
        ("crashes-warming.bad", "die SIGABRT always"),
        ("hangs-warming.bad", "hang always"),
        ("other-rows.bad", "shape"),
        ("other-inputs.bad", "chaos 3\nargs y"),
    ] {
        forge.write(name, script);
    }
    fs::create_dir(forge.directory().join("folder.bad")).unwrap();
    symlink("nowhere", forge.directory().join("broken-link.bad")).unwrap();
    symlink("/etc/passwd", forge.directory().join("outward.bad")).unwrap();
    forge
}

fn libtorch() -> Forge {
    let setup = settings(Setup::new().real_model("m", "double.pt"));
    let forge = setup.with("batch_timeout_s = 2.0").start();
    let triple = fs::read(model_file("triple.pt")).unwrap();
    forge.write("empty.bad", "");
    forge.write("no-model.bad", "not a model");
    forge.write("weights.bad", weights_file());
    forge.write("half.bad", &triple[..triple.len() / 2]);
    forge.write("times-3.pt", triple);
    for (name, model) in [
        // It doubles, too, where no number is negative.
        ("times-2.pt", "endless.pt"),
        ("other-rows.bad", "sum.pt"),
        ("other-inputs.bad", "add.pt"),
    ] {
        forge.write(name, fs::read(model_file(model)).unwrap());
    }
    forge
}

/// Deadlines far longer than anything should take. Workers are killed before they have answered, which
/// is not to be held against the model. What is declared, a new version has to take.
fn settings(setup: Setup) -> Setup {
    setup
        .with(&format!("workers = {WORKERS}"))
        .with("restart_limit = 1000\nrequest_timeout_s = 30.0")
        .with_inputs(&[("x", "float32", "[2]")])
}
