//! Which models lie in a directory.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use super::{listing, triton};

/// What a directory holds.
#[derive(Debug)]
pub(super) enum Layout {
    /// A config of Forge's.
    Config(PathBuf),
    /// At least one.
    Models(Vec<Found>),
}

/// A model's file.
#[derive(Debug)]
pub(super) struct Found {
    /// Of its file or directory.
    pub(super) name: String,
    pub(super) file: PathBuf,
    /// What its `config.pbtxt` says; nothing where there is none.
    pub(super) settings: triton::Settings,
    /// What is not heeded of that.
    pub(super) notes: Vec<String>,
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    name: String,
    path: PathBuf,
    is_directory: bool,
}

const CONFIG: &str = "forge.toml";
const MODEL: &str = "model.pt";
const TRITON_CONFIG: &str = "config.pbtxt";

/// Looks at the directory.
///
/// # Errors
/// What was looked for and what is there instead, or what cannot be read.
pub(super) fn of(directory: &Path) -> Result<Layout, String> {
    let entries = entries(directory)?;
    let config = entries.iter().find(|entry| entry.name == CONFIG && !entry.is_directory);
    if let Some(config) = config {
        return Ok(Layout::Config(config.path.clone()));
    }
    let files: Vec<&Entry> = entries.iter().filter(|entry| entry.is_model()).collect();
    let has_versions = entries.iter().any(|entry| entry.version().is_some());
    if let (Some(file), true) = (files.first(), has_versions) {
        return Err(format!(
            "it holds both {} and directories of versions: leave one of the two; {}",
            file.name,
            listing(directory, &entries)
        ));
    }
    if has_versions {
        return Ok(Layout::Models(vec![model_of(directory, &entries)?]));
    }
    let mut models: Vec<Found> = files.iter().map(|file| bare(file)).collect();
    if let ([only], Some(config)) = (models.as_mut_slice(), triton_config(&entries)) {
        (only.settings, only.notes) = read_config(&config.path)?;
    }
    for entry in entries.iter().filter(|entry| entry.is_directory) {
        let inside = self::entries(&entry.path)?;
        if inside.iter().any(|entry| entry.version().is_some()) {
            models.push(model_of(&entry.path, &inside)?);
        } else if let Some(config) = triton_config(&inside) {
            return Err(format!(
                "there is no directory of a version, such as 1, beside {}; {}",
                config.path.display(),
                listing(&entry.path, &inside)
            ));
        }
    }
    match models.is_empty() {
        false => Ok(Layout::Models(models)),
        true => Err(format!(
            "there is no model: looked for {CONFIG}, a model file such as {MODEL}, VERSION/{MODEL} \
             and NAME/VERSION/{MODEL}, with a number as VERSION; {}",
            listing(directory, &entries)
        )),
    }
}

impl Entry {
    /// Its number, if it is the directory of a version. As for Triton a version has no leading zero.
    fn version(&self) -> Option<u64> {
        let is_number =
            !self.name.starts_with('0') && self.name.bytes().all(|b| b.is_ascii_digit());
        self.name.parse().ok().filter(|_| is_number && self.is_directory)
    }

    fn is_model(&self) -> bool {
        !self.is_directory && Path::new(&self.name).extension().is_some_and(|end| end == "pt")
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", self.name, if self.is_directory { "/" } else { "" })
    }
}

/// What lies in a directory, by name. Hidden entries are left out, as Kubernetes' volumes have some,
/// and so is what the file system itself puts there.
fn entries(directory: &Path) -> Result<Vec<Entry>, String> {
    let unreadable = |error| format!("{} cannot be read: {error}", directory.display());
    let mut entries = Vec::new();
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let (name, path) = (entry.file_name().to_string_lossy().into_owned(), entry.path());
        if name.starts_with('.') || name == "lost+found" {
            continue;
        }
        let is_directory = path.is_dir();
        entries.push(Entry { name, path, is_directory });
    }
    entries.sort();
    Ok(entries)
}

fn triton_config(entries: &[Entry]) -> Option<&Entry> {
    entries.iter().find(|entry| entry.name == TRITON_CONFIG && !entry.is_directory)
}

fn read_config(path: &Path) -> Result<(triton::Settings, Vec<String>), String> {
    let told = |cause| format!("{}: {cause}", path.display());
    let settings = triton::read(path).map_err(told)?;
    let note = |field: &String| format!("{}: {field} is not heeded", path.display());
    let notes = settings.unheeded.iter().map(note).collect();
    Ok((settings, notes))
}

/// A model file that lies there by itself.
fn bare(file: &Entry) -> Found {
    let stem = Path::new(&file.name).file_stem().unwrap_or_default();
    Found {
        name: stem.to_string_lossy().into_owned(),
        file: file.path.clone(),
        settings: triton::Settings::default(),
        notes: Vec::new(),
    }
}

/// The model of a directory with versions: the highest that its config allows.
fn model_of(directory: &Path, entries: &[Entry]) -> Result<Found, String> {
    let (settings, notes) = match triton_config(entries) {
        Some(config) => read_config(&config.path)?,
        None => Default::default(),
    };
    let is_allowed = |version: &u64| settings.versions.as_ref().is_none_or(|v| v.contains(version));
    let allowed = entries.iter().filter(|entry| entry.version().is_some_and(|v| is_allowed(&v)));
    let Some(version) = allowed.max_by_key(|entry| entry.version()) else {
        let cause = "there is none of the versions that its version_policy names";
        return Err(format!("{cause}; {}", listing(directory, entries)));
    };
    let file = file_of(&version.path, settings.file.as_deref())?;
    let own = directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let name = settings.name.clone().unwrap_or(own);
    Ok(Found { name, file, settings, notes })
}

/// The model file of a version: the one that is named, or `model.pt`, or the only one.
fn file_of(version: &Path, named: Option<&str>) -> Result<PathBuf, String> {
    let entries = entries(version)?;
    let wanted = named.unwrap_or(MODEL);
    if let Some(entry) = entries.iter().find(|entry| entry.name == wanted && !entry.is_directory) {
        return Ok(entry.path.clone());
    }
    let files: Vec<&Entry> = entries.iter().filter(|entry| entry.is_model()).collect();
    match (named, files.as_slice()) {
        (None, [only]) => Ok(only.path.clone()),
        _ => Err(format!("there is no {wanted}: {}", listing(version, &entries))),
    }
}
