//! What a server tells of itself.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::model::VersionId;

/// A part of a model's requests: more than nothing, at most all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share(f64);

/// A text or number that is no [`Share`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a share is more than 0 % and at most 100 %, such as 10%")]
pub struct ShareError;

impl Share {
    /// Of a fraction, more than 0 and at most 1.
    pub fn new(fraction: f64) -> Result<Self, ShareError> {
        if fraction > 0.0 && fraction <= 1.0 { Ok(Self(fraction)) } else { Err(ShareError) }
    }

    /// More than 0 and at most 1.
    pub fn fraction(self) -> f64 {
        self.0
    }
}

impl FromStr for Share {
    type Err = ShareError;

    /// `10%`, or the fraction `0.1`.
    fn from_str(text: &str) -> Result<Self, ShareError> {
        let fraction = match text.strip_suffix('%') {
            Some(percent) => percent.trim().parse::<f64>().map(|percent| percent / 100.0),
            None => text.parse(),
        };
        Self::new(fraction.map_err(|_| ShareError)?)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Two digits beyond the point are more than any share needs.
        write!(formatter, "{}%", (self.0 * 10_000.0).round() / 100.0)
    }
}

/// Which of a model's versions one is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Role {
    /// It answers whatever a canary does not.
    Stable,
    Canary(Share),
    /// It was replaced, and answers what it had admitted.
    Draining,
}

impl Role {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Canary(_) => "canary",
            Self::Draining => "draining",
        }
    }
}

/// Everything that is served.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// By name.
    pub models: Vec<ModelReport>,
}

/// One model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelReport {
    pub name: String,
    /// `loading`, `ready`, `degraded` or `draining`.
    pub state: &'static str,
    /// Why it is degraded.
    pub cause: Option<String>,
    /// What is being done to it, such as `swapping to /models/b.pt`.
    pub doing: Option<String>,
    /// Requests admitted and not yet cut into a batch.
    pub queue_depth: u64,
    /// The stable one first.
    pub versions: Vec<VersionReport>,
}

/// One version and its workers.
#[derive(Clone, Debug, PartialEq)]
pub struct VersionReport {
    pub id: VersionId,
    pub role: Role,
    pub path: PathBuf,
    /// Of the file's content, in hex.
    pub sha256: String,
    /// Since its file was opened.
    pub age: Duration,
    /// By index.
    pub workers: Vec<WorkerReport>,
}

/// One worker's place.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerReport {
    pub index: u32,
    /// `None` while no process stands there.
    pub pid: Option<u32>,
    /// `starting`, `warming`, `ready`, `draining`, `retired` or `crashed`.
    pub state: &'static str,
    pub device: String,
    /// Of its process.
    pub age: Option<Duration>,
    pub restarts: u64,
    /// Resident memory of its process without the regions.
    pub rss_bytes: Option<u64>,
    /// Both shared-memory regions.
    pub region_bytes: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_percentage_or_a_fraction() {
        for (text, fraction) in [
            ("10%", Some(0.1)),
            ("0.5 %", Some(0.005)),
            ("100%", Some(1.0)),
            ("0.25", Some(0.25)),
            ("1", Some(1.0)),
            ("0%", None),
            ("101%", None),
            ("10", None),
            ("-1%", None),
            ("nan", None),
            ("", None),
        ] {
            assert_eq!(text.parse().ok().map(Share::fraction), fraction, "{text}");
        }
        assert_eq!("12.5%".parse::<Share>().map(|share| share.to_string()), Ok("12.5%".into()));
    }
}
