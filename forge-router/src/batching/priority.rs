//! Which requests go first.

/// The place of a request before others that wait: 1 goes first.
///
/// A model has so many levels (`priority_levels`); what lies beyond them, and 0, is its default level,
/// as in Triton's schedule policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(u8);

impl Priority {
    /// Of a request that asks for none, where the config says nothing either.
    pub const DEFAULT: Self = Self(5);

    /// `level` is at least 1.
    pub const fn new(level: u8) -> Option<Self> {
        if level == 0 { None } else { Some(Self(level)) }
    }

    pub const fn level(self) -> u8 {
        self.0
    }
}
