//! The worker program: where it is, what it says about itself, and whether its libtorch is there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use object::elf::FileHeader64;
use object::read::elf::{Dyn, FileHeader};
use object::{Endianness, elf};

const NAME: &str = "forge-worker";

/// What the dynamic loader exits with when a library is missing.
const LOADER_FAILED: i32 = 127;

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
    Err(match missing_libtorch(path, output.status.code(), &said) {
        Some(sentence) => WorkerBinaryError::Libtorch(sentence),
        None => WorkerBinaryError::Failed {
            path: path.to_owned(),
            how: output.status.to_string(),
            said,
        },
    })
}

/// One sentence for a worker that the dynamic loader could not start; `None` for any other end.
pub fn missing_libtorch(path: &Path, code: Option<i32>, said: &str) -> Option<String> {
    if code != Some(LOADER_FAILED) {
        return None;
    }
    let library = said.split("loading shared libraries: ").nth(1)?.split(':').next()?;
    let mut looked_at: Vec<String> = Vec::new();
    if let Some(paths) = std::env::var_os("LD_LIBRARY_PATH").filter(|paths| !paths.is_empty()) {
        looked_at.push(format!("{} (LD_LIBRARY_PATH)", paths.to_string_lossy()));
    }
    looked_at.extend(run_path(path).into_iter().map(|entry| entry.display().to_string()));
    Some(format!(
        "libtorch is not where forge-worker looks for it: {library} is not in {}; run \
         scripts/libtorch or point LD_LIBRARY_PATH at a libtorch of the same version",
        looked_at.join(" nor in ")
    ))
}

/// Where the program looks for its libraries (DT_RUNPATH, ELF gABI), with `$ORIGIN` resolved.
/// Empty where the file is no ELF file or says nothing.
fn run_path(path: &Path) -> Vec<PathBuf> {
    let origin = path.parent().unwrap_or(Path::new("."));
    let Ok(bytes) = fs::read(path) else { return Vec::new() };
    let Ok(Some(entry)) = run_path_entry(&bytes) else { return Vec::new() };
    let resolve = |part: &str| match part.strip_prefix("$ORIGIN") {
        Some(rest) => origin.join(rest.trim_start_matches('/')),
        None => PathBuf::from(part),
    };
    entry.split(':').map(resolve).collect()
}

fn run_path_entry(bytes: &[u8]) -> object::read::Result<Option<String>> {
    let header = FileHeader64::<Endianness>::parse(bytes)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, bytes)?;
    let Some((entries, link)) = sections.dynamic(endian, bytes)? else { return Ok(None) };
    let strings = sections.strings(endian, bytes, link)?;
    for entry in entries {
        if entry.d_tag(endian) == elf::DT_RUNPATH {
            let text = strings.get(entry.d_val(endian) as u32).unwrap_or_default();
            return Ok(Some(String::from_utf8_lossy(text).into_owned()));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOADER_SAYS: &str = "forge-worker: error while loading shared libraries: \
         libtorch_cpu.so: cannot open shared object file: No such file or directory";

    #[test]
    fn a_missing_library_is_told_in_one_sentence() {
        let path = Path::new("/nowhere/forge-worker");
        let sentence = missing_libtorch(path, Some(127), LOADER_SAYS).unwrap();
        assert!(sentence.contains("libtorch_cpu.so is not in"), "{sentence}");
        assert!(!sentence.contains("shared object file"), "{sentence}");
    }

    #[test]
    fn any_other_end_is_not_about_libtorch() {
        let path = Path::new("/nowhere/forge-worker");
        assert_eq!(missing_libtorch(path, Some(1), LOADER_SAYS), None);
        assert_eq!(missing_libtorch(path, Some(127), "command not found"), None);
        assert_eq!(missing_libtorch(path, None, LOADER_SAYS), None);
    }

    #[test]
    fn what_is_no_program_has_no_run_path() {
        assert_eq!(run_path(Path::new("/etc/hostname")), Vec::<PathBuf>::new());
        assert_eq!(run_path(Path::new("/nowhere")), Vec::<PathBuf>::new());
    }
}
