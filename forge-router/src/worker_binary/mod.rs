//! The worker program: where it is, what it says about itself, and whether its libtorch is there.

mod run_path;

use std::path::{Path, PathBuf};
use std::process::Command;

use run_path::{libtorch_in, run_path};

const NAME: &str = "forge-worker";

/// What the dynamic loader exits with when a library is missing.
const LOADER_FAILED: i32 = 127;

/// What forge-worker exits with when it cannot use the libtorch it found; it has said why.
const UNUSABLE_LIBTORCH: i32 = 69;

/// Why the worker program cannot be used; the installation's fault.
#[derive(Debug, thiserror::Error)]
pub enum WorkerBinaryError {
    #[error("forge does not know where it is itself: {0}")]
    Here(std::io::Error),
    #[error("{} is missing: forge and forge-worker are installed side by side", .0.display())]
    Missing(PathBuf),
    #[error("{} cannot be run: {source}", path.display())]
    Run { path: PathBuf, source: std::io::Error },
    #[error("{0}")]
    Libtorch(String),
    #[error("{} ended with {how}: {said}", path.display())]
    Failed { path: PathBuf, how: String, said: String },
}

/// The worker program beside this one.
pub fn find() -> Result<PathBuf, WorkerBinaryError> {
    let forge = std::env::current_exe().map_err(WorkerBinaryError::Here)?;
    let path = forge.with_file_name(NAME);
    if path.is_file() { Ok(path) } else { Err(WorkerBinaryError::Missing(path)) }
}

/// What the worker program says about its engine, a line per fact.
pub fn about(path: &Path) -> Result<String, WorkerBinaryError> {
    let run = Command::new(path).arg("--about").output();
    let output = run.map_err(|source| WorkerBinaryError::Run { path: path.to_owned(), source })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
    Err(match libtorch_trouble(path, output.status.code(), &said) {
        Some(sentence) => WorkerBinaryError::Libtorch(sentence),
        None => WorkerBinaryError::Failed {
            path: path.to_owned(),
            how: output.status.to_string(),
            said,
        },
    })
}

/// One sentence for a worker that did not start because of its libtorch; `None` for any other end.
pub fn libtorch_trouble(path: &Path, code: Option<i32>, said: &str) -> Option<String> {
    match code? {
        UNUSABLE_LIBTORCH => said.lines().last().map(str::to_owned),
        LOADER_FAILED => missing_library(path, said).or_else(|| misfit(path, said)),
        _ => None,
    }
}

fn missing_library(path: &Path, said: &str) -> Option<String> {
    let library = said.split("loading shared libraries: ").nth(1)?.split(':').next()?;
    if ["libstdc++", "libgcc", "libm."].iter().any(|system| library.starts_with(system)) {
        return Some(format!("forge-worker needs {library}, which this system lacks: install it"));
    }
    let places: Vec<String> = preferred()
        .map(|directory| format!("{} (LD_LIBRARY_PATH)", directory.display()))
        .chain(run_path(path).into_iter().map(|directory| directory.display().to_string()))
        .collect();
    Some(format!(
        "libtorch is not where forge-worker looks for it: {library} is not in {}; in a checkout run \
         scripts/libtorch, elsewhere unpack Forge's package anew or point LD_LIBRARY_PATH at a \
         libtorch of the same version",
        places.join(" nor in ")
    ))
}

/// A libtorch of another version mostly lacks a symbol, so that the worker does not even start.
fn misfit(path: &Path, said: &str) -> Option<String> {
    let symbol = said.split("undefined symbol: ").nth(1)?.split([' ', '\n', ',']).next()?;
    let own = run_path(path);
    let looked_at: Vec<PathBuf> = preferred().chain(own.iter().cloned()).collect();
    let name = |version: Option<String>| version.unwrap_or_else(|| "of unknown version".to_owned());
    let found = libtorch_in(&looked_at).map_or_else(
        || "the libtorch that was found is of unknown version".to_owned(),
        |(directory, version)| {
            format!("the libtorch in {} is {}", directory.display(), name(version))
        },
    );
    let built = libtorch_in(&own).and_then(|(_, version)| version);
    let built = built.unwrap_or_else(|| "another one".to_owned());
    Some(format!(
        "{found}, but forge-worker was built against {built} (it lacks the symbol {symbol}): point \
         LD_LIBRARY_PATH at one complete libtorch of that version, or unset it"
    ))
}

/// What the dynamic loader tries before the program's own places.
fn preferred() -> impl Iterator<Item = PathBuf> {
    let paths = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    std::env::split_paths(&paths)
        .filter(|path| !path.as_os_str().is_empty())
        .collect::<Vec<_>>()
        .into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOADER_SAYS: &str = "forge-worker: error while loading shared libraries: \
         libtorch_cpu.so: cannot open shared object file: No such file or directory";
    const PATH: &str = "/nowhere/forge-worker";

    fn told(code: i32, said: &str) -> Option<String> {
        libtorch_trouble(Path::new(PATH), Some(code), said)
    }

    #[test]
    fn a_missing_library_is_told_in_one_sentence() {
        let sentence = told(127, LOADER_SAYS).unwrap();
        assert!(sentence.contains("libtorch_cpu.so is not in"), "{sentence}");
        assert!(!sentence.contains("shared object file"), "{sentence}");
    }

    #[test]
    fn a_library_of_the_system_is_not_looked_for_in_libtorch() {
        let sentence =
            told(127, &LOADER_SAYS.replace("libtorch_cpu.so", "libstdc++.so.6")).unwrap();
        assert!(sentence.contains("libstdc++.so.6, which this system lacks"), "{sentence}");
    }

    #[test]
    fn a_libtorch_without_a_symbol_is_of_another_version() {
        let said = format!("{PATH}: symbol lookup error: {PATH}: undefined symbol: _ZN5torchE\n");
        let sentence = told(127, &said).unwrap();
        assert!(sentence.contains("the symbol _ZN5torchE)"), "{sentence}");
        assert!(sentence.contains("LD_LIBRARY_PATH"), "{sentence}");
    }

    #[test]
    fn what_the_worker_says_of_its_libtorch_is_passed_on() {
        let said = "the libtorch in /lib is 2.10.0, but forge-worker was built against 2.11.0";
        assert_eq!(told(69, said).as_deref(), Some(said));
    }

    #[test]
    fn any_other_end_is_not_about_libtorch() {
        assert_eq!(told(1, LOADER_SAYS), None);
        assert_eq!(told(127, "command not found"), None);
        assert_eq!(libtorch_trouble(Path::new(PATH), None, LOADER_SAYS), None);
    }
}
