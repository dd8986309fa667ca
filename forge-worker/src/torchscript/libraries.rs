//! Which libtorch the dynamic loader has really found. Its parts must lie in one directory and be
//! of the version this worker was compiled against: parts that do not fit each other crash later,
//! in ways that no message explains.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::ffi;

/// The parts of libtorch. What else lies in its directory (the OpenMP and CUDA runtimes) keeps its
/// own versions apart by name.
const PARTS: [&str; 4] = ["libtorch_cpu.so", "libc10.so", "libtorch_cuda.so", "libc10_cuda.so"];

/// Why the libtorch that was found cannot be used; the installation's fault.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LibrariesError {
    #[error("cannot read which libraries are loaded (/proc/self/maps): {0}")]
    Maps(#[from] std::io::Error),
    #[error("{0} is not among the loaded libraries")]
    NotLoaded(&'static str),
    #[error(
        "libtorch comes from two directories, {} from {} and {} from {}: {}",
        names[0], directories[0].display(), names[1], directories[1].display(), WHAT_TO_DO
    )]
    Apart { names: [&'static str; 2], directories: [PathBuf; 2] },
    #[error(
        "the libtorch in {} is {found}, but forge-worker was built against {built}: {}",
        directory.display(), WHAT_TO_DO
    )]
    Version { directory: PathBuf, found: String, built: String },
    #[error("libtorch_cuda.so cannot be loaded: {0}")]
    Open(String),
}

const WHAT_TO_DO: &str =
    "point LD_LIBRARY_PATH at one complete libtorch of that version, or unset it";

/// Checks what the dynamic loader has found.
pub(crate) fn check() -> Result<(), LibrariesError> {
    let directory = one_directory(&loaded()?)?;
    let (found, built) = (version(ffi::loaded_abi()), ffi::torch_version());
    if same_release(&found, &built) {
        Ok(())
    } else {
        Err(LibrariesError::Version { directory, found, built })
    }
}

/// Loads libtorch's CUDA half from beside its CPU half, and from nowhere else.
pub(crate) fn open_cuda() -> Result<(), LibrariesError> {
    let path = one_directory(&loaded()?)?.join("libtorch_cuda.so");
    let name = CString::new(path.as_os_str().as_bytes())
        .map_err(|error| LibrariesError::Open(error.to_string()))?;
    ffi::open_library(&name).map_err(LibrariesError::Open)?;
    // Its own dependencies may have come from elsewhere.
    one_directory(&loaded()?).map(drop)
}

/// The parts that are loaded, and the files they were loaded from, without links.
fn loaded() -> Result<BTreeMap<&'static str, PathBuf>, LibrariesError> {
    Ok(parts(&fs::read_to_string("/proc/self/maps")?))
}

/// The parts among the files of `/proc/PID/maps` (proc(5)). The path is the sixth field and goes on
/// to the end of the line.
fn parts(maps: &str) -> BTreeMap<&'static str, PathBuf> {
    let paths =
        maps.lines().filter_map(|line| line.find('/').map(|start| Path::new(&line[start..])));
    paths
        .filter_map(|path| {
            let part = PARTS.into_iter().find(|part| path.ends_with(part))?;
            Some((part, path.to_owned()))
        })
        .collect()
}

/// The directory that all loaded parts lie in.
fn one_directory(parts: &BTreeMap<&'static str, PathBuf>) -> Result<PathBuf, LibrariesError> {
    let first = PARTS[0];
    let directory = |path: &Path| path.parent().map(Path::to_owned).unwrap_or_default();
    let home =
        parts.get(first).map(|path| directory(path)).ok_or(LibrariesError::NotLoaded(first))?;
    for (name, path) in parts {
        let other = directory(path);
        if other != home {
            let (names, directories) = ([first, name], [home, other]);
            return Err(LibrariesError::Apart { names, directories });
        }
    }
    Ok(home)
}

/// The release in libtorch's number for its binary interface: a byte each for major, minor and
/// patch, then a tag (torch/headeronly/version.h).
fn version(abi: u64) -> String {
    let [major, minor, patch, ..] = abi.to_be_bytes();
    format!("{major}.{minor}.{patch}")
}

/// Whether two versions name the same release: `2.11.0` and `2.11.0+cu130` do.
fn same_release(one: &str, other: &str) -> bool {
    let release = |version: &str| version.split(['+', 'a', 'r']).next().map(str::to_owned);
    release(one) == release(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPS: &str = "\
55d0-55d1 r-xp 00000000 fe:00 11                         /opt/forge/bin/forge-worker
7f00-7f01 r--p 00000000 fe:00 12                         /opt/my forge/lib/libtorch_cpu.so
7f01-7f02 r-xp 00001000 fe:00 12                         /opt/my forge/lib/libtorch_cpu.so
7f02-7f03 r--p 00000000 fe:00 13                         /opt/my forge/lib/libc10.so
7f03-7f04 rw-p 00000000 00:00 0
7f04-7f05 r--p 00000000 fe:00 14                         /usr/lib/libc.so.6
7fff-8000 r-xp 00000000 00:00 0                          [vdso]
";

    #[test]
    fn the_parts_are_found_among_the_mapped_files() {
        let found = parts(MAPS);
        assert_eq!(found.keys().copied().collect::<Vec<_>>(), ["libc10.so", "libtorch_cpu.so"]);
        assert_eq!(found["libc10.so"], Path::new("/opt/my forge/lib/libc10.so"));
    }

    #[test]
    fn parts_of_one_directory_are_that_directory() {
        assert_eq!(one_directory(&parts(MAPS)).unwrap(), Path::new("/opt/my forge/lib"));
    }

    #[test]
    fn parts_of_two_directories_are_refused_with_both() {
        for part in ["libc10.so", "libtorch_cuda.so", "libc10_cuda.so"] {
            let mut found = parts(MAPS);
            found.insert(part, Path::new("/usr/local/lib").join(part));
            let said = one_directory(&found).unwrap_err().to_string();
            for word in [part, "/usr/local/lib", "/opt/my forge/lib", "LD_LIBRARY_PATH"] {
                assert!(said.contains(word), "{word}: {said}");
            }
        }
    }

    #[test]
    fn without_libtorch_there_is_no_directory() {
        let said = one_directory(&parts("")).unwrap_err().to_string();
        assert!(said.contains("libtorch_cpu.so is not among"), "{said}");
    }

    #[test]
    fn the_release_is_read_from_the_number_of_the_binary_interface() {
        assert_eq!(version(0x020b_0000_0000_0000), "2.11.0");
        assert_eq!(version(0x020a_0100_0000_0007), "2.10.1");
    }

    #[test]
    fn a_build_of_the_same_release_fits_and_another_release_does_not() {
        assert!(same_release("2.11.0", "2.11.0"));
        assert!(same_release("2.11.0", "2.11.0+cu130"));
        assert!(same_release("2.11.0", "2.11.0a0+git1234"));
        assert!(!same_release("2.11.0", "2.11.1"));
        assert!(!same_release("2.11.0", "2.1.0"));
    }

    #[test]
    fn the_libtorch_of_this_process_fits() {
        check().unwrap();
    }
}
