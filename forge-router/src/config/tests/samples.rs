use super::*;

/// The configs of the repository, with stand-ins for the models that are not made yet.
#[test]
fn every_sample_config_is_without_errors() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
    let files = Files::new();
    for model in ["dummy", "sentiment", "image-classifier", "text-embedder", "resnet50", "colors"] {
        files.write(&format!("models/{model}.pt"), "");
    }
    for labels in ["colors.txt", "imagenet-classes.txt"] {
        files.write(&format!("models/{labels}"), "a class\n");
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
    assert_eq!(names, ["demo", "dummy", "images", "multi", "resnet", "sentiment"]);
}

/// What a reader knows is told when it meets a key that it does not know.
#[test]
fn the_reference_has_every_key_and_no_other() {
    let text = "[server]\n\"?\" = 1\n[models.m]\npath = \"m.pt\"\n\"?\" = 1\n\
                [models.m.preprocess]\n\"?\" = 1\n[models.m.pad]\n\"?\" = 1\n[[models.m.inputs]]\n\"?\" = 1";
    let outcome = Files::new().load(text);
    let Err(ConfigErrors::Invalid { problems, .. }) = outcome else { panic!("{outcome:?}") };
    for (section, heading) in [
        ("server", "## `[server]`"),
        ("models.m", "## `[models.NAME]`"),
        ("models.m.preprocess", "## `[models.NAME.preprocess]`"),
        ("models.m.pad", "## `[models.NAME.pad]`"),
        ("models.m.inputs[0]", "## `[[models.NAME.inputs]]`"),
    ] {
        let key = format!("{section}.\"?\"");
        let known = problems.iter().find_map(|problem| match problem {
            Problem::UnknownKey { key: found, allowed, .. } if *found == key => Some(allowed),
            _ => None,
        });
        let mut known: BTreeSet<&str> = known.unwrap().iter().map(String::as_str).collect();
        // Of a model, these have sections of their own.
        if section == "models.m" {
            known.remove("inputs");
            known.remove("pad");
            known.remove("preprocess");
        }
        let rows = reference(heading);
        let documented: BTreeSet<&str> = rows.iter().map(|row| row.key.as_str()).collect();
        assert_eq!(documented, known, "{heading}");
    }
}

#[test]
fn the_defaults_of_the_reference_are_the_real_ones() {
    let written = |heading| {
        let rows = reference(heading).into_iter();
        let lines: Vec<String> = rows
            .filter_map(|row| row.default.map(|default| format!("{} = {default}\n", row.key)))
            .collect();
        assert!(lines.len() >= 9, "{lines:?}");
        lines.concat()
    };
    let model = "[models.m]\npath = \"m.pt\"\n";
    let explicit =
        format!("[server]\n{}{model}{}", written("## `[server]`"), written("## `[models.NAME]`"));
    let files = Files::new();
    assert_eq!(files.load(&explicit).unwrap(), files.load(model).unwrap());
}

struct Row {
    key: String,
    /// In TOML, where it is the same on every machine.
    default: Option<String>,
}

/// The rows of the table under `heading` in the reference.
fn reference(heading: &str) -> Vec<Row> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    let page = fs::read_to_string(page).unwrap();
    let lines = page.lines().skip_while(|line| *line != heading).skip(1);
    let lines = lines.take_while(|line| !line.starts_with("## "));
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| `")?.split('|');
        let key = cells.next()?.trim().strip_suffix('`')?.to_owned();
        let default = cells.next()?.trim().strip_prefix('`').and_then(|cell| cell.split_once('`'));
        Some(Row { key, default: default.map(|(default, _)| default.to_owned()) })
    };
    lines.filter_map(row).collect()
}
