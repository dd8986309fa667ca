//! `forge serve FILE.py`: what the Python Forge was configured with leads to what replaces it.

use std::fs;
use std::path::Path;
use std::process::Command;

use forge_tests::{Finished, Setup, TempDir, checkout, finish, forge, json};

const TUTORIALS: [(&str, &[&str]); 2] = [
    ("sentiment_server.py", &["sentiment"]),
    ("multi_server.py", &["image-classifier", "text-embedder"]),
];

/// A directory with one of the original's tutorials in it.
fn directory_of(tutorial: &str) -> TempDir {
    let dir = TempDir::new();
    let program = fs::read(checkout().join("tests/python").join(tutorial)).unwrap();
    dir.write(tutorial, program);
    dir
}

/// What forge says to a file of this directory.
fn refuse(command: &str, file: &str, dir: &Path) -> String {
    let refused = finish(forge(&[command, file]).current_dir(dir));
    assert_eq!(refused.code(), 78, "{}", refused.stderr);
    assert_eq!(refused.stdout, "");
    refused.stderr
}

/// Pastes the commands that export the models into a shell.
fn export(advice: &str, dir: &Path, refused: &str) -> Finished {
    let from = advice.find("cat > forge-export.py").unwrap();
    let last = from + advice[from..].find("\npython3 ").unwrap() + 1;
    let to = last + advice[last..].find('\n').unwrap();
    run(&advice[from..to], dir, refused)
}

/// Runs a shell in which PyTorch is the stand-in, which refuses to script the `refused` class.
fn run(commands: &str, dir: &Path, refused: &str) -> Finished {
    let mut shell = Command::new("bash");
    shell.args(["-c", commands]).current_dir(dir);
    shell.env("PYTHONPATH", checkout().join("tests/python/stand_in"));
    shell.env("PYTHONDONTWRITEBYTECODE", "1");
    shell.env("STAND_IN_MODELS", checkout().join("configs/models"));
    finish(shell.env("STAND_IN_REFUSES", refused))
}

/// Saves the config as it is told.
fn save_config(advice: &str, dir: &TempDir) {
    let from = advice.find("[server]").unwrap();
    let to = advice.find("3. Check it").unwrap();
    dir.write("forge.toml", &advice[from..to]);
}

#[test]
fn the_originals_tutorials_are_exported_and_replaced_as_they_are_told_to_be() {
    for (tutorial, models) in TUTORIALS {
        let dir = directory_of(tutorial);
        let advice = refuse("serve", tutorial, dir.path());
        assert_eq!(advice, refuse("check", tutorial, dir.path()));
        for model in models {
            assert!(advice.contains(&format!(".eval()).save(\"{model}.pt\")")), "{advice}");
        }
        let exported = export(&advice, dir.path(), "");
        assert_eq!(exported.code(), 0, "{}", exported.stderr);
        save_config(&advice, &dir);
        let checked = finish(forge(&["check"]).current_dir(dir.path()));
        assert_eq!(checked.code(), 0, "{}", checked.stderr);
        for model in models {
            assert!(checked.stdout.contains(model), "{}", checked.stdout);
        }
    }
}

#[test]
fn what_was_migrated_is_served_with_its_settings() {
    let dir = directory_of("sentiment_server.py");
    let advice = refuse("serve", "sentiment_server.py", dir.path());
    let exported = export(&advice, dir.path(), "");
    assert_eq!(exported.code(), 0, "{}", exported.stderr);
    save_config(&advice, &dir);
    let forge = Setup::of_written_config(&dir.path().join("forge.toml")).start();
    let answer = forge.predict("sentiment", &json!({"input": vec![0.5; 768]}));
    assert_eq!(answer.output().as_array().map(Vec::len), Some(3));
    let batching = &forge.get("/v1/models/sentiment").json()["batching"];
    assert_eq!(batching["batch_window_ms"], json!(25), "{batching}");
}

#[test]
fn the_settings_that_only_a_run_tells_are_printed_by_the_export() {
    let dir = directory_of("sentiment_server.py");
    let advice = refuse("serve", "sentiment_server.py", dir.path());
    assert!(advice.contains("# device was \"cuda\" if torch.cuda.is_available() else \"cpu\""));
    let exported = export(&advice, dir.path(), "");
    assert!(exported.stdout.contains("device='cpu'"), "{}", exported.stdout);
}

#[test]
fn a_file_that_lies_there_is_not_overwritten() {
    let dir = directory_of("sentiment_server.py");
    let weights = dir.write("sentiment.pt", "weights that took a week");
    let advice = refuse("serve", "sentiment_server.py", dir.path());
    let exported = export(&advice, dir.path(), "");
    assert_eq!(exported.code(), 1);
    assert!(exported.stderr.contains("sentiment.pt exists already"), "{}", exported.stderr);
    assert_eq!(fs::read_to_string(weights).unwrap(), "weights that took a week");
}

#[test]
fn a_model_that_cannot_be_scripted_is_traced_with_the_line_that_is_told() {
    let dir = directory_of("multi_server.py");
    let advice = refuse("serve", "multi_server.py", dir.path());
    let failed = export(&advice, dir.path(), "TextEmbedder");
    assert_eq!(failed.code(), 1);
    assert!(failed.stderr.contains("text-embedder cannot be exported"), "{}", failed.stderr);
    assert!(!dir.path().join("image-classifier.pt").exists(), "half of it is exported");
    let line = failed.stderr.lines().last().unwrap();

    let export = dir.path().join("forge-export.py");
    let script = fs::read_to_string(&export).unwrap();
    fs::write(&export, script.replace("examples = {\n", &format!("examples = {{\n{line}\n")))
        .unwrap();
    let exported = run("python3 forge-export.py multi_server.py", dir.path(), "TextEmbedder");
    assert_eq!(exported.code(), 0, "{}", exported.stderr);
    assert!(dir.path().join("text-embedder.pt").exists());
}

#[test]
fn a_file_whose_name_needs_quotes_is_exported_too() {
    let dir = directory_of("sentiment_server.py");
    let name = "it's $HOME.py";
    fs::rename(dir.path().join("sentiment_server.py"), dir.path().join(name)).unwrap();
    let advice = refuse("serve", name, dir.path());
    let exported = export(&advice, dir.path(), "");
    assert_eq!(exported.code(), 0, "{}", exported.stderr);
    assert!(dir.path().join("sentiment.pt").exists());
}

#[test]
fn a_program_that_is_missing_or_beside_other_files_is_told_by_its_name() {
    let dir = directory_of("multi_server.py");
    let said = refuse("serve", "missing.py", dir.path());
    assert!(said.contains("missing.py: cannot be read"), "{said}");
    let both = finish(forge(&["serve", "multi_server.py", "m.pt"]).current_dir(dir.path()));
    assert_eq!(both.code(), 78);
    assert!(
        both.stderr.contains("multi_server.py: a Python program is no model"),
        "{}",
        both.stderr
    );
}
