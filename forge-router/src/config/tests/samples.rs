use super::*;

/// The configs of the repository, with stand-ins for the models that are not made yet.
#[test]
fn every_sample_config_is_without_errors() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
    let files = Files::new();
    for model in ["dummy", "sentiment", "image-classifier", "text-embedder", "resnet50"] {
        files.write(&format!("models/{model}.pt"), "");
    }
    let mut names = Vec::new();
    for sample in fs::read_dir(samples).unwrap() {
        let sample = sample.unwrap().path();
        if sample.extension().is_some_and(|extension| extension == "toml") {
            files.load(&fs::read_to_string(&sample).unwrap()).unwrap();
            names.push(sample.file_stem().unwrap().to_string_lossy().into_owned());
        }
    }
    names.sort();
    assert_eq!(names, ["demo", "dummy", "multi", "resnet", "sentiment"]);
}

/// What a reader knows is told when it meets a key that it does not know.
#[test]
fn every_key_is_documented() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    let docs = fs::read_to_string(docs).unwrap();
    let text = "[server]\n\"?\" = 1\n[models.m]\npath = \"m.pt\"\n\"?\" = 1\n\
                [[models.m.inputs]]\n\"?\" = 1";
    let outcome = Files::new().load(text);
    let Err(ConfigErrors::Invalid { problems, .. }) = outcome else { panic!("{outcome:?}") };
    let mut keys = BTreeSet::new();
    for problem in problems {
        if let Problem::UnknownKey { allowed, .. } = problem {
            keys.extend(allowed);
        }
    }
    // Of a model, `inputs` has a section of its own.
    assert!(keys.remove("inputs"));
    assert_eq!(keys.len(), 10 + 14 + 3);
    for key in keys {
        assert!(docs.contains(&format!("\n| `{key}` |")), "{key}");
    }
}
