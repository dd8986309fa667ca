//! Where the dynamic loader looks for the libraries of a program, and which libtorch lies there.

use std::fs;
use std::path::{Path, PathBuf};

use object::elf::FileHeader64;
use object::read::elf::{Dyn, FileHeader};
use object::{Endianness, elf};

/// Where the program looks for its libraries (DT_RUNPATH, ELF gABI), with `$ORIGIN` resolved.
/// Empty where the file is no ELF file or says nothing.
pub fn run_path(path: &Path) -> Vec<PathBuf> {
    let origin = path.parent().unwrap_or(Path::new("."));
    let Ok(bytes) = fs::read(path) else { return Vec::new() };
    let Ok(Some(entry)) = run_path_entry(&bytes) else { return Vec::new() };
    let resolve = |part: &str| match part.strip_prefix("$ORIGIN") {
        Some(rest) => origin.join(rest.trim_start_matches('/')),
        None => PathBuf::from(part),
    };
    entry.split(':').map(resolve).collect()
}

/// The first of `directories` that holds a libtorch, and its version where it is written there.
pub fn libtorch_in(directories: &[PathBuf]) -> Option<(PathBuf, Option<String>)> {
    let found = directories.iter().find(|directory| directory.join("libtorch_cpu.so").is_file())?;
    Some((found.clone(), version(found)))
}

/// The version a libtorch is told to be: by Forge's package in the directory itself, by libtorch's
/// own archives above it, by a Python installation in `version.py` above it.
fn version(directory: &Path) -> Option<String> {
    let above = directory.parent()?;
    let plain = [directory.join("build-version"), above.join("build-version")];
    if let Some(text) = plain.iter().find_map(|file| fs::read_to_string(file).ok()) {
        return Some(text.trim().to_owned());
    }
    let python = fs::read_to_string(above.join("version.py")).ok()?;
    let value = python.lines().find_map(|line| line.strip_prefix("__version__ = "))?;
    Some(value.trim_matches(['\'', '"']).to_owned())
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

    #[test]
    fn what_is_no_program_has_no_run_path() {
        assert_eq!(run_path(Path::new("/etc/hostname")), Vec::<PathBuf>::new());
        assert_eq!(run_path(Path::new("/nowhere")), Vec::<PathBuf>::new());
    }

    #[test]
    fn the_version_is_read_where_packages_archives_and_python_write_it() {
        let root = std::env::temp_dir().join(format!("forge-run-path-{}", std::process::id()));
        for (name, file, text) in [
            ("package", "lib/build-version", "2.11.0\n"),
            ("archive", "build-version", "2.11.0\n"),
            ("python", "version.py", "from typing import x\n__version__ = '2.11.0'\n"),
        ] {
            let directory = root.join(name).join("lib");
            fs::create_dir_all(&directory).unwrap();
            fs::write(directory.join("libtorch_cpu.so"), "").unwrap();
            fs::write(root.join(name).join(file), text).unwrap();
            let found = libtorch_in(&[root.join("empty"), directory.clone()]);
            assert_eq!(found, Some((directory, Some("2.11.0".to_owned()))), "{name}");
        }
        assert_eq!(libtorch_in(std::slice::from_ref(&root)), None);
        fs::remove_dir_all(root).unwrap();
    }
}
