//! `forge check`

use forge_tests::{Finished, TempDir, finish, forge};

fn check(config: &str) -> Finished {
    let dir = TempDir::new();
    dir.write("m.pt", "a file");
    let path = dir.write("forge.toml", config);
    finish(&mut forge(&["check", path.to_str().unwrap()]))
}

#[test]
fn a_good_config_is_told_with_the_memory_its_regions_take() {
    let checked = check(
        "[models.m]\npath = \"m.pt\"\n\
         [models.fixed]\npath = \"m.pt\"\n[[models.fixed.inputs]]\nname = \"x\"\ndtype = \"float32\"\nshape = [768]\n",
    );
    assert_eq!(checked.code(), 0, "{}", checked.stderr);
    for word in ["m", "fixed", "MiB"] {
        assert!(checked.stdout.contains(word), "{word}: {}", checked.stdout);
    }
}

#[test]
fn every_error_is_told_at_once_with_its_key() {
    let checked = check(
        "[server]\nport = 99999\nmax_body_byte = 1\n\
         [models.m]\npath = \"missing.pt\"\nmax_batch_sise = 4\nrequest_timeout_s = -1.0\ndevice = \"mps\"\n\
         [models.\"a/b\"]\npath = \"m.pt\"\n",
    );
    assert_eq!(checked.code(), 78);
    for word in [
        "server.port",
        "server.max_body_byte",
        "max_body_bytes",
        "models.m.max_batch_sise",
        "max_batch_size",
        "models.m.path",
        "models.m.request_timeout_s",
        "models.m.device",
        "a/b",
    ] {
        assert!(checked.stderr.contains(word), "{word} is not in {}", checked.stderr);
    }
}

#[test]
fn what_is_no_toml_is_told_with_its_place() {
    let checked = check("[server]\nport = = 3\n");
    assert_eq!(checked.code(), 78);
    assert!(checked.stderr.contains('2'), "{}", checked.stderr);
}

#[test]
fn cpus_outside_the_allowed_set_are_an_error_that_names_the_set() {
    let checked = check("[models.m]\npath = \"m.pt\"\ncpus = \"100000\"\n");
    assert_eq!(checked.code(), 78);
    assert!(checked.stderr.contains("models.m.cpus"), "{}", checked.stderr);
    assert!(checked.stderr.contains('0'), "{}", checked.stderr);
}

#[test]
fn a_config_that_is_missing_is_told_by_its_path() {
    let checked = finish(&mut forge(&["check", "/nowhere/forge.toml"]));
    assert_eq!(checked.code(), 78);
    assert!(checked.stderr.contains("/nowhere/forge.toml"), "{}", checked.stderr);
}
