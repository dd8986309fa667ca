//! The limit of open files, which is the limit of connections.

use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

/// The soft limit of open files before and after it was raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenFiles {
    pub before: u64,
    pub after: u64,
}

/// Why the limit stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    #[error("the limit of open files cannot be read: {0}")]
    Read(nix::Error),
    #[error("the limit of open files cannot be raised from {from} to {to}: {source}")]
    Raise { from: u64, to: u64, source: nix::Error },
}

/// Raises the soft limit to the hard one, which every process may do. Children inherit it.
pub fn raise_open_files() -> Result<OpenFiles, LimitError> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(LimitError::Read)?;
    if soft < hard {
        set(hard, soft)?;
    }
    Ok(OpenFiles { before: soft, after: hard })
}

fn set(hard: rlim_t, soft: rlim_t) -> Result<(), LimitError> {
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map_err(|source| LimitError::Raise {
        from: soft,
        to: hard,
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raising_twice_changes_nothing_more() {
        let raised = raise_open_files().unwrap();
        assert!(raised.before <= raised.after);
        assert_eq!(raise_open_files(), Ok(OpenFiles { before: raised.after, ..raised }));
    }
}
