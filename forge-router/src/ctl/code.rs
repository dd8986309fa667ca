//! Why a request failed, in a word for programs, and what `forge ctl` ends with then.

use super::wire::Failure;
use crate::operator::OperationError;

/// A kind of failure. Its name is part of the protocol, its exit code of the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The line is no request.
    BadRequest,
    /// The peer may not ask anything.
    NotPermitted,
    TooManyClients,
    /// The config file is wrong; nothing changed.
    Config,
    /// The server could not do what it should have been able to.
    Internal,
    UnknownModel,
    ModelExists,
    Invalid,
    OutsideRoot,
    LoadFailed,
    Busy,
    NoCanary,
    HasCanary,
    CanaryNotReady,
    NoPrevious,
    FileChanged,
    NoMemory,
    Stopping,
}

/// What `forge ctl` ends with (sysexits.h); `docs/ctl.md` tells the same.
pub mod exit_code {
    pub const FAILED: u8 = 1;
    pub const USAGE: u8 = 64;
    pub const UNAVAILABLE: u8 = 69;
    pub const TRY_AGAIN: u8 = 75;
    pub const PROTOCOL: u8 = 76;
    pub const NOT_PERMITTED: u8 = 77;
    pub const CONFIG: u8 = 78;
}

impl Code {
    pub const ALL: [Code; 18] = [
        Self::BadRequest,
        Self::NotPermitted,
        Self::TooManyClients,
        Self::Config,
        Self::Internal,
        Self::UnknownModel,
        Self::ModelExists,
        Self::Invalid,
        Self::OutsideRoot,
        Self::LoadFailed,
        Self::Busy,
        Self::NoCanary,
        Self::HasCanary,
        Self::CanaryNotReady,
        Self::NoPrevious,
        Self::FileChanged,
        Self::NoMemory,
        Self::Stopping,
    ];

    /// The word of the protocol.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadRequest => "bad-request",
            Self::NotPermitted => "not-permitted",
            Self::TooManyClients => "too-many-clients",
            Self::Config => "config",
            Self::Internal => "internal",
            Self::UnknownModel => "unknown-model",
            Self::ModelExists => "model-exists",
            Self::Invalid => "invalid",
            Self::OutsideRoot => "outside-root",
            Self::LoadFailed => "load-failed",
            Self::Busy => "busy",
            Self::NoCanary => "no-canary",
            Self::HasCanary => "has-canary",
            Self::CanaryNotReady => "canary-not-ready",
            Self::NoPrevious => "no-previous",
            Self::FileChanged => "file-changed",
            Self::NoMemory => "no-memory",
            Self::Stopping => "stopping",
        }
    }

    /// What `forge ctl` ends with.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::BadRequest => exit_code::USAGE,
            Self::NotPermitted => exit_code::NOT_PERMITTED,
            Self::TooManyClients | Self::Busy => exit_code::TRY_AGAIN,
            Self::Config => exit_code::CONFIG,
            Self::Stopping => exit_code::UNAVAILABLE,
            Self::Internal
            | Self::UnknownModel
            | Self::ModelExists
            | Self::Invalid
            | Self::OutsideRoot
            | Self::LoadFailed
            | Self::NoCanary
            | Self::HasCanary
            | Self::CanaryNotReady
            | Self::NoPrevious
            | Self::FileChanged
            | Self::NoMemory => exit_code::FAILED,
        }
    }

    /// What is sent; `message` is for a person.
    pub fn failure(self, message: impl Into<String>) -> Failure {
        Failure { code: self.name().to_owned(), message: message.into() }
    }

    /// The code of this name; a newer server may send others.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.name() == name)
    }
}

impl From<&OperationError> for Code {
    fn from(error: &OperationError) -> Self {
        match error {
            OperationError::UnknownModel { .. } => Self::UnknownModel,
            OperationError::ModelExists { .. } => Self::ModelExists,
            OperationError::Invalid(_) => Self::Invalid,
            OperationError::OutsideRoot { .. } => Self::OutsideRoot,
            OperationError::Load { .. } => Self::LoadFailed,
            OperationError::Busy { .. } => Self::Busy,
            OperationError::NoCanary { .. } => Self::NoCanary,
            OperationError::HasCanary { .. } => Self::HasCanary,
            OperationError::CanaryNotReady { .. } => Self::CanaryNotReady,
            OperationError::NoPrevious { .. } => Self::NoPrevious,
            OperationError::Changed { .. } => Self::FileChanged,
            OperationError::Memory { .. } => Self::NoMemory,
            OperationError::Stopping => Self::Stopping,
        }
    }
}

impl From<OperationError> for Failure {
    fn from(error: OperationError) -> Self {
        Code::from(&error).failure(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// A word that stands twice would be found as the first only.
    #[test]
    fn every_code_is_found_by_its_name() {
        for code in Code::ALL {
            assert_eq!(Code::of_name(code.name()), Some(code));
        }
        assert_eq!(Code::of_name("nonsense"), None);
    }

    #[test]
    fn the_reference_tells_every_code_with_its_exit_code() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/ctl.md");
        let page = fs::read_to_string(page).unwrap();
        for code in Code::ALL {
            let row = format!("| `{}` | {} |", code.name(), code.exit_code());
            assert!(page.contains(&row), "docs/ctl.md lacks {row}");
        }
    }
}
