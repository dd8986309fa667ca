//! What else a person may type, and what a broken installation says.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use forge_tests::{TempDir, checkout, finish, forge, program};

#[test]
fn the_version_names_forge_libtorch_and_the_cpu() {
    let finished = finish(&mut forge(&["--version"]));
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    for word in [concat!("forge ", env!("CARGO_PKG_VERSION")), "libtorch 2.", "CPU capability"] {
        assert!(finished.stdout.contains(word), "{word}: {}", finished.stdout);
    }
}

#[test]
fn a_worker_that_is_run_by_hand_says_what_to_run_instead() {
    for worker in ["forge-worker", "forge-test-worker"] {
        let finished = finish(&mut Command::new(program(worker)));
        assert_eq!(finished.code(), 64);
        assert!(finished.stderr.contains("forge serve"), "{}", finished.stderr);
    }
}

#[test]
fn a_missing_libtorch_is_told_in_one_sentence_with_the_place() {
    let dir = TempDir::new();
    let (forge, worker) = (dir.path().join("forge"), dir.path().join("forge-worker"));
    fs::copy(program("forge"), &forge).unwrap();
    let libraries = fs::canonicalize(libtorch().join("lib")).unwrap();
    // Copied for its mode, then written anew.
    fs::copy(program("forge-worker"), &worker).unwrap();
    fs::write(&worker, hide(&fs::read(program("forge-worker")).unwrap(), &libraries)).unwrap();
    let config = dir.write("forge.toml", "[server]\nport = 0\n[models.m]\npath = \"m.pt\"\n");
    dir.write("m.pt", "not read");
    let mut version = Command::new(&forge);
    let mut serve = Command::new(&forge);
    serve.arg("serve").arg(config).arg("--socket").arg(dir.path().join("forge.sock"));
    for command in [version.arg("--version"), &mut serve] {
        let finished = finish(command.env_remove("LD_LIBRARY_PATH"));
        assert_eq!(finished.code(), 1, "{}", finished.stderr);
        let said = finished.stderr.lines().last().unwrap();
        assert!(said.contains("libtorch is not where"), "{said}");
        assert!(said.contains("/LIB"), "it does not name the path looked at: {said}");
        assert!(!said.contains("cannot open shared object file"), "{said}");
    }
}

/// Where the worker was linked to libtorch.
fn libtorch() -> PathBuf {
    std::env::var_os("LIBTORCH").map_or(checkout().join(".libtorch"), Into::into)
}

/// A program whose search path for libraries leads to nowhere: the end of `libraries` in capitals.
fn hide(program: &[u8], libraries: &Path) -> Vec<u8> {
    let path = libraries.to_str().unwrap().as_bytes();
    let mut hidden = program.to_vec();
    let mut found = 0;
    for at in 0..program.len() - path.len() {
        if program[at..].starts_with(path) {
            let end = at + path.len();
            hidden[end - 3..end].copy_from_slice(b"LIB");
            found += 1;
        }
    }
    assert!(found > 0, "the worker does not look in {libraries:?}");
    hidden
}

#[test]
fn forge_without_its_worker_beside_it_says_so() {
    let dir = TempDir::new();
    let forge = dir.path().join("forge");
    fs::copy(program("forge"), &forge).unwrap();
    let finished = finish(Command::new(&forge).arg("--version"));
    assert_eq!(finished.code(), 1);
    assert!(finished.stderr.contains("side by side"), "{}", finished.stderr);
}

#[test]
fn a_libtorch_of_two_directories_is_refused_with_both() {
    let dir = TempDir::new();
    fs::copy(libtorch().join("lib/libc10.so"), dir.path().join("libc10.so")).unwrap();
    let config = dir.write("forge.toml", "[server]\nport = 0\n[models.m]\npath = \"m.pt\"\n");
    dir.write("m.pt", "not read");
    for arguments in [&["--version"][..], &["serve", config.to_str().unwrap()]] {
        let finished = finish(forge(arguments).env("LD_LIBRARY_PATH", dir.path()));
        assert_eq!(finished.code(), 1, "{}", finished.stderr);
        let said = finished.stderr.lines().last().unwrap();
        assert!(said.contains("libtorch comes from two directories"), "{said}");
        assert!(said.contains(dir.path().to_str().unwrap()), "{said}");
    }
}

#[test]
fn another_place_with_the_same_libtorch_is_used() {
    let dir = TempDir::new();
    for entry in fs::read_dir(libtorch().join("lib")).unwrap() {
        let path = fs::canonicalize(entry.unwrap().path()).unwrap();
        symlink(&path, dir.path().join(path.file_name().unwrap())).unwrap();
    }
    let finished = finish(forge(&["--version"]).env("LD_LIBRARY_PATH", dir.path()));
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    assert!(finished.stdout.contains("libtorch 2."), "{}", finished.stdout);
}
