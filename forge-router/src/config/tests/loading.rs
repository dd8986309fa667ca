use super::*;

fn loading(name: &str, settings: &str) -> Result<ModelConfig, String> {
    let settings = settings.parse().unwrap();
    for_loading(name, PathBuf::from("/models/m.pt"), settings, &machine(4))
        .map_err(|errors| errors.to_string())
}

#[test]
fn a_model_that_is_loaded_later_has_the_settings_of_one_in_the_file() {
    let lines = "max_batch_size = 8\nworkers = 2\ncpus = \"0-3\"";
    let expected = ModelConfig { path: PathBuf::from("/models/m.pt"), ..model(lines) };
    assert_eq!(loading("m", lines), Ok(expected));
}

#[test]
fn what_is_wrong_with_its_name_or_settings_is_told() {
    for (name, settings, told) in [
        (
            "a b",
            "",
            "model a b: 1 error\n  name: \"a b\" is no model name: 1 to 128 of A-Z a-z 0-9 . _ - are allowed",
        ),
        (
            "m",
            "workers = 0\nmax_batch_sze = 1",
            "model m: 2 errors\n  workers: found 0, allowed is a whole number from 1 to 256\n  \
             max_batch_sze: unknown key; did you mean max_batch_size?",
        ),
    ] {
        assert_eq!(loading(name, settings).unwrap_err(), told);
    }
    let told = loading("m", "path = \"/etc/passwd\"").unwrap_err();
    assert!(told.contains("path: unknown key"), "{told}");
}
