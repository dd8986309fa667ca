//! Why `forge ctl` could not do what it was asked, and what it ends with.

use std::io;
use std::path::PathBuf;

use crate::ctl::wire::Failure;
use crate::ctl::{Code, exit_code as code};

#[derive(Debug, thiserror::Error)]
pub enum CtlError {
    #[error("no server is running at {}: --socket names another place", shown(.0))]
    NoServer(Vec<PathBuf>),
    /// Only the user of the server, and root, may open its socket.
    #[error("{} may not be opened by this user: {source}", path.display())]
    NotPermitted { path: PathBuf, source: io::Error },
    #[error("the server cannot be reached at {}: {source}", path.display())]
    Unreachable { path: PathBuf, source: io::Error },
    #[error("the server went away before it answered: {0}; what was asked may have been done")]
    Lost(io::Error),
    #[error("{}", .0.message)]
    Refused(Failure),
    #[error("what the server answers is not understood: {0}; are both of the same version?")]
    Answer(serde_json::Error),
    #[error("the answer cannot be written: {0}")]
    Output(io::Error),
}

/// The exit codes are in `crate::ctl::Code`'s file and in `docs/ctl.md`.
pub fn exit_code(error: &CtlError) -> u8 {
    match error {
        CtlError::NoServer(_) | CtlError::Unreachable { .. } | CtlError::Lost(_) => {
            code::UNAVAILABLE
        }
        CtlError::NotPermitted { .. } => code::NOT_PERMITTED,
        // One that is not known is of a newer server.
        CtlError::Refused(failure) => {
            Code::of_name(&failure.code).map_or(code::FAILED, Code::exit_code)
        }
        CtlError::Answer(_) => code::PROTOCOL,
        CtlError::Output(_) => code::FAILED,
    }
}

fn shown(paths: &[PathBuf]) -> String {
    let shown: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    shown.join(" or ")
}
