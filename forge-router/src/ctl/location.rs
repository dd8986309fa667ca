//! Where the socket is. Pure: the environment is an argument.
//!
//! 1. `--socket`, else `[server] socket`
//! 2. `$XDG_RUNTIME_DIR/forge/forge.sock` where that variable is set
//! 3. `/run/forge/forge.sock`: of a server that runs as root, and for every client
//! 4. none

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

const IN_RUNTIME_DIR: &str = "forge/forge.sock";
const OF_ROOT: &str = "/run/forge/forge.sock";

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// Somebody named it, so it has to work.
    Named(PathBuf),
    /// The usual place; a machine that does not allow it is served without a socket.
    Usual(PathBuf),
    None,
}

/// Where a server that runs as root or not listens.
pub fn of_server(
    named: Option<PathBuf>,
    runtime_dir: Option<&OsStr>,
    runs_as_root: bool,
) -> Location {
    match (named, in_runtime_dir(runtime_dir)) {
        (Some(path), _) => Location::Named(path),
        (None, Some(path)) => Location::Usual(path),
        (None, None) if runs_as_root => Location::Usual(OF_ROOT.into()),
        (None, None) => Location::None,
    }
}

/// Where a client looks for the server, in this order; never empty.
pub fn of_client(named: Option<PathBuf>, runtime_dir: Option<&OsStr>) -> Vec<PathBuf> {
    match named {
        Some(path) => vec![path],
        None => in_runtime_dir(runtime_dir).into_iter().chain([OF_ROOT.into()]).collect(),
    }
}

/// The variable counts where it is set to an absolute path (XDG Base Directory Specification).
fn in_runtime_dir(runtime_dir: Option<&OsStr>) -> Option<PathBuf> {
    let directory = Path::new(runtime_dir?);
    directory.is_absolute().then(|| directory.join(IN_RUNTIME_DIR))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_listens_where_it_is_told_else_where_its_user_may() {
        let named = || Some(PathBuf::from("/a.sock"));
        let usual = |path: &str| Location::Usual(path.into());
        for (named, runtime_dir, runs_as_root, location) in [
            (named(), Some("/run/user/7"), true, Location::Named("/a.sock".into())),
            (None, Some("/run/user/7"), false, usual("/run/user/7/forge/forge.sock")),
            (None, Some("/run/user/0"), true, usual("/run/user/0/forge/forge.sock")),
            (None, None, true, usual("/run/forge/forge.sock")),
            (None, Some(""), true, usual("/run/forge/forge.sock")),
            (None, Some("here"), false, Location::None),
            (None, None, false, Location::None),
        ] {
            let told = of_server(named, runtime_dir.map(OsStr::new), runs_as_root);
            assert_eq!(told, location, "{runtime_dir:?} {runs_as_root}");
        }
    }

    #[test]
    fn a_client_looks_at_its_own_server_first_and_then_at_roots() {
        let (own, roots) = ("/run/user/7/forge/forge.sock", "/run/forge/forge.sock");
        for (named, runtime_dir, paths) in [
            (Some("/a.sock"), Some("/run/user/7"), vec!["/a.sock"]),
            (None, Some("/run/user/7"), vec![own, roots]),
            (None, None, vec![roots]),
        ] {
            let found = of_client(named.map(PathBuf::from), runtime_dir.map(OsStr::new));
            assert!(found.iter().eq(paths.iter().map(Path::new)), "{found:?}");
        }
    }
}
