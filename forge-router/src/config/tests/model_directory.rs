//! `--model-dir`: directories as KServe and Triton leave them.

use super::*;

/// Reads the directory below `files`, on a machine of four CPUs.
fn read(files: &Files, directory: &str, name: Option<&str>) -> Result<Config, ConfigErrors> {
    let directory =
        ModelDirectory { path: files.path(directory), name: name.map(ToOwned::to_owned) };
    directory.read(&Overrides::default(), &machine(4))
}

/// Its models, each with its file as the directory has it.
fn models(files: &Files, directory: &str, name: Option<&str>) -> Vec<(String, String)> {
    let config = read(files, directory, name).unwrap();
    let root = files.path(directory);
    let file = |model: &ModelConfig| model.path.strip_prefix(&root).unwrap().display().to_string();
    config.models.iter().map(|model| (model.name.to_string(), file(model))).collect()
}

fn told(files: &Files, directory: &str, name: Option<&str>) -> String {
    read(files, directory, name).unwrap_err().to_string()
}

fn with(paths: &[&str]) -> Files {
    let files = Files::new();
    for path in paths {
        files.write(path, "");
    }
    files
}

#[test]
fn every_layout_is_found_and_named() {
    for (paths, name, expected) in [
        (&["d/model.pt"][..], None, &[("model", "model.pt")][..]),
        (&["d/model.pt"], Some("isvc"), &[("isvc", "model.pt")]),
        (&["d/a.pt", "d/b.pt"], None, &[("a", "a.pt"), ("b", "b.pt")]),
        (&["d/1/model.pt"], None, &[("d", "1/model.pt")]),
        (&["d/1/net.pt"], Some("isvc"), &[("isvc", "1/net.pt")]),
        (&["d/m/1/model.pt"], Some("isvc"), &[("isvc", "m/1/model.pt")]),
        (&["d/m/1/model.pt", "d/m/2/model.pt", "d/m/10/model.pt"], None, &[("m", "m/10/model.pt")]),
        (
            &["d/a/1/model.pt", "d/b/1/model.pt", "d/readme/notes.txt"],
            None,
            &[("a", "a/1/model.pt"), ("b", "b/1/model.pt")],
        ),
        // What Kubernetes' volumes and file systems put beside the models.
        (&["d/..data/1/model.pt", "d/lost+found/x", "d/m.pt"], None, &[("m", "m.pt")]),
        (&["d/my models 1.pt"], Some("m"), &[("m", "my models 1.pt")]),
    ] {
        let files = with(paths);
        let expected: Vec<_> =
            expected.iter().map(|(name, file)| ((*name).to_owned(), (*file).to_owned())).collect();
        assert_eq!(models(&files, "d", name), expected, "{paths:?}");
    }
}

#[test]
fn a_config_in_the_directory_counts_alone() {
    let files = with(&["d/a.pt", "d/b.pt"]);
    files.write("d/forge.toml", "[server]\nport = 7\n[models.own]\npath = \"a.pt\"\nworkers = 2\n");
    let config = read(&files, "d", Some("isvc")).unwrap();
    assert_eq!(config.server.address.port(), 7);
    assert_eq!(config.models[0].name.as_str(), "isvc");
    assert_eq!(config.models[0].workers.len(), 2);
}

#[test]
fn several_models_keep_their_names_and_that_is_told() {
    let files = with(&["d/a/1/model.pt", "d/b/1/model.pt"]);
    for (name, notes) in [(None, 0), (Some("a"), 0), (Some("isvc"), 1)] {
        let config = read(&files, "d", name).unwrap();
        let names: Vec<&str> = config.models.iter().map(|model| model.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(config.notes.len(), notes, "{:?}", config.notes);
    }
}

#[test]
fn the_directory_is_the_model_root() {
    let files = with(&["d/m/1/model.pt"]);
    assert_eq!(read(&files, "d", None).unwrap().server.model_root, files.path("d"));
}

#[test]
fn what_is_missing_is_told_with_what_was_looked_for_and_found() {
    for (paths, words) in [
        (
            &["d/model.onnx", "d/data/x.bin"][..],
            &[
                "there is no model: looked for forge.toml",
                "NAME/VERSION/model.pt",
                "data/, model.onnx",
            ][..],
        ),
        (&["d/m/1/model.onnx"], &["there is no model.pt", "d/m/1 holds model.onnx"]),
        (&["d/m/1/a.pt", "d/m/1/b.pt"], &["there is no model.pt", "a.pt, b.pt"]),
        (
            &["d/m/config.pbtxt", "d/m/model.pt"],
            &["there is no directory of a version", "model.pt"],
        ),
        (&["d/model.pt", "d/1/model.pt"], &["both model.pt and directories of versions"]),
        (&["d/m/01/model.pt"], &["there is no model"]),
        (&["d/a b.pt"], &["\"a b\" is no model name", "--model-name"]),
        (&["d/m.pt", "d/m/1/model.pt"], &["the model m is there twice"]),
        (&["other/m.pt"], &["d cannot be used: No such file"]),
    ] {
        let files = with(paths);
        let told = told(&files, "d", None);
        for word in words {
            assert!(told.contains(word), "{word:?} is not in: {told}");
        }
    }
    assert!(
        told(&with(&["d/m.pt"]), "d", Some("a/b")).contains("--model-name: \"a/b\" is no model")
    );
    let files = Files::new();
    fs::create_dir(files.path("d")).unwrap();
    assert!(told(&files, "d", None).contains("d is empty"));
}

#[test]
fn a_tritons_configuration_becomes_the_settings() {
    let files = with(&["d/m/1/model.pt", "d/m/2/model.pt"]);
    let text = "max_batch_size: 8\n\
                input [ { name: \"INPUT__0\", data_type: TYPE_FP32, dims: [ 3, -1 ] } ]\n\
                instance_group [ { count: 2, kind: KIND_CPU } ]\n\
                version_policy { specific { versions: [ 1 ] } }\n\
                model_warmup { name: \"w\" }\n";
    let path = files.write("d/m/config.pbtxt", text);
    let config = read(&files, "d", None).unwrap();
    let model = &config.models[0];
    assert_eq!(model.path, files.path("d/m/1/model.pt"));
    assert_eq!((model.max_batch_size.get(), model.workers.len()), (8, 2));
    let input = &model.inputs[0];
    assert_eq!((input.name.as_str(), input.place), ("INPUT__0", Some(0)));
    assert_eq!(input.shape, [Some(3), None]);
    assert_eq!(config.notes, [format!("{}: model_warmup is not heeded", path.display())]);
}

#[test]
fn a_tritons_configuration_that_cannot_be_kept_is_refused() {
    for (text, told_of) in [
        ("max_batch_size 8", "config.pbtxt: line 1: expected : or {"),
        ("platform: \"tensorrt_plan\"", "only \"pytorch_libtorch\" can be served"),
        ("max_batch_size: 100000", "models.m.max_batch_size: found 100000"),
        ("version_policy { specific { versions: [ 7 ] } }", "none of the versions"),
        ("default_model_filename: \"net.pt\"", "there is no net.pt"),
    ] {
        let files = with(&["d/m/1/model.pt"]);
        files.write("d/m/config.pbtxt", text);
        let told = told(&files, "d", None);
        assert!(told.contains(told_of), "{text}: {told}");
    }
}
