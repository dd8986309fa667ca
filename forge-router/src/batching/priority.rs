//! Which requests go first.

use std::num::NonZeroU8;

/// The place of a request before others that wait: 1 goes first.
///
/// A model has so many levels (`priority_levels`); what lies beyond them, and 0, is its default level,
/// as in Triton's schedule policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(NonZeroU8);

impl Priority {
    pub const HIGHEST: Self = Self(NonZeroU8::MIN);

    pub const fn new(level: NonZeroU8) -> Self {
        Self(level)
    }
}

/// The levels of one model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriorityLevels {
    /// The lowest level.
    pub lowest: Priority,
    /// That of a request which asks for none.
    pub default: Priority,
}

impl PriorityLevels {
    /// The priority of a request that asks for this level.
    pub fn of(self, asked: u64) -> Priority {
        let level = u8::try_from(asked).ok().and_then(NonZeroU8::new).map(Priority);
        level.filter(|level| *level <= self.lowest).unwrap_or(self.default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_that_there_is_not_is_the_default_one() {
        let level = |level| Priority::new(NonZeroU8::new(level).unwrap());
        let levels = PriorityLevels { lowest: level(10), default: level(5) };
        for (asked, expected) in [(0, 5), (1, 1), (10, 10), (11, 5), (257, 5), (u64::MAX, 5)] {
            assert_eq!(levels.of(asked), level(expected), "{asked}");
        }
    }
}
