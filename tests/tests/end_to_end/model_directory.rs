//! `--model-dir`: what KServe mounts and what a Triton served.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use forge_tests::{Forge, Setup, TempDir, finish, forge, json, model_file};

/// A directory with a copy of `double.pt` at each of these places.
fn directory(places: &[&str]) -> TempDir {
    let dir = TempDir::new();
    for place in places {
        add(dir.path(), place, "double.pt");
    }
    dir
}

fn add(directory: &Path, place: &str, file: &str) {
    let place = directory.join(place);
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::copy(model_file(file), place).unwrap();
}

fn serve(dir: &TempDir, arguments: &[&str]) -> Forge {
    let setup = Setup::of_directory(dir.path());
    arguments.iter().fold(setup, |setup, argument| setup.argument(argument)).start()
}

fn doubles(forge: &Forge, model: &str) {
    assert_eq!(forge.predict(model, &json!({"input": [1, 2]})).output(), json!([2.0, 4.0]));
}

#[test]
fn each_of_the_three_layouts_is_served_under_the_given_name() {
    let config = directory(&["weights.pt"]);
    config.write("forge.toml", "[models.own]\npath = \"weights.pt\"\n");
    for dir in [directory(&["model.pt"]), directory(&["resnet/1/model.pt"]), config] {
        doubles(&serve(&dir, &["--model-name=isvc"]), "isvc");
    }
}

#[test]
fn models_are_named_by_the_layout_where_no_name_is_given() {
    let dir = directory(&["a/1/model.pt", "b/3/model.pt"]);
    let forge = serve(&dir, &[]);
    doubles(&forge, "a");
    doubles(&forge, "b");
}

#[test]
fn a_directory_that_nobody_may_write_is_enough() {
    let dir = directory(&["m/1/model.pt"]);
    let modes = |mode| {
        for path in ["m/1/model.pt", "m/1", "m", ""] {
            let mode = if path.ends_with(".pt") { mode & 0o444 } else { mode };
            let place = dir.path().join(path);
            fs::set_permissions(place, fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    modes(0o555);
    doubles(&Setup::of_directory(dir.path()).unprivileged().start(), "m");
    modes(0o755);
}

#[test]
fn a_tritons_configuration_is_kept() {
    let dir = TempDir::new();
    add(dir.path(), "m/1/model.pt", "add.pt");
    let text = "max_batch_size: 8\n\
                input [ { name: \"INPUT__0\" data_type: TYPE_FP32 dims: [ 2 ] },\n\
                        { name: \"INPUT__1\" data_type: TYPE_FP32 dims: [ 2 ] } ]\n\
                instance_group [ { count: 2 kind: KIND_CPU } ]\n\
                optimization { priority: PRIORITY_MAX }\n";
    dir.write("m/config.pbtxt", text);
    let forge = serve(&dir, &[]);
    let model = forge.get("/v1/models/m").json();
    assert_eq!(model["batching"]["max_batch_size"], 8);
    assert_eq!(model["workers"].as_array().unwrap().len(), 2);
    assert_eq!(model["inputs"][0]["shape"], json!([2]));
    assert!(forge.log().contains("optimization is not heeded"), "{}", forge.log());
    // By the model's own names and by those of the configuration.
    for inputs in
        [json!({"x": [1, 2], "y": [3, 4]}), json!({"INPUT__0": [1, 2], "INPUT__1": [3, 4]})]
    {
        let answer = forge.predict("m", &json!({"inputs": inputs})).json();
        assert_eq!(answer["outputs"]["output"], json!([4.0, 6.0]), "{answer}");
    }
}

#[test]
fn a_higher_version_is_swapped_in_when_the_directory_is_read_again() {
    let dir = directory(&["m/1/model.pt"]);
    let forge = serve(&dir, &[]);
    doubles(&forge, "m");
    add(dir.path(), "m/2/model.pt", "inplace.pt");
    let applied = forge.ctl(&["config", "reload"]);
    assert_eq!(applied.code(), 0, "{}", applied.stderr);
    let response = forge.predict("m", &json!({"input": [1, 2]}));
    assert_eq!(response.header("x-forge-version"), Some("2"), "{}", response.text());
}

#[test]
fn check_tells_what_would_be_served() {
    let dir = directory(&["m/1/model.pt"]);
    dir.write("m/config.pbtxt", "max_batch_size: 8 model_warmup { }");
    let path = dir.path().to_str().unwrap();
    let checked =
        finish(&mut forge(&["check", "--model-dir", path, "--model-name", "isvc", "--port=8080"]));
    assert_eq!(checked.code(), 0, "{}", checked.stderr);
    for word in ["isvc", ":8080", "note: ", "model_warmup is not heeded"] {
        assert!(checked.stdout.contains(word), "{word} is not in {}", checked.stdout);
    }
}

#[test]
fn a_directory_without_a_model_is_told_with_what_it_holds() {
    let dir = TempDir::new();
    dir.write("model.onnx", "");
    let path = dir.path().to_str().unwrap();
    for command in ["serve", "check"] {
        let finished = finish(&mut forge(&[command, "--model-dir", path]));
        assert_eq!(finished.code(), 78, "{}", finished.stderr);
        for word in ["looked for forge.toml", "model.onnx"] {
            assert!(finished.stderr.contains(word), "{word}: {}", finished.stderr);
        }
    }
}

#[test]
fn a_directory_and_files_together_are_a_usage_error() {
    for arguments in [
        &["serve", "m.pt", "--model-dir", "."][..],
        &["check", "forge.toml", "--model-dir", "."],
        &["serve", "--model-name", "m"],
    ] {
        let finished = finish(&mut forge(arguments));
        assert_eq!(finished.code(), 64, "{arguments:?}: {}", finished.stderr);
    }
}
