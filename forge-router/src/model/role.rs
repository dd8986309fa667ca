//! Which of a model's versions one is, and how much of the requests a canary gets.

use std::fmt;
use std::str::FromStr;

use crate::metrics;

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
    /// It is being brought up.
    Loading,
    /// It was replaced, and answers what it had admitted.
    Draining,
}

impl Role {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Canary(_) => "canary",
            Self::Loading => "loading",
            Self::Draining => "draining",
        }
    }
}

impl From<Role> for metrics::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Canary(_) => Self::Canary,
            Role::Stable | Role::Loading | Role::Draining => Self::Stable,
        }
    }
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
