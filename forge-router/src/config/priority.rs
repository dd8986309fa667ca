//! Which requests of a model go first.

use std::num::NonZeroU8;
use std::time::Duration;

use super::section::Section;

const LEVELS: NonZeroU8 = NonZeroU8::new(10).unwrap();
const MAX_WAIT_MS: f64 = 1000.0;
const LONGEST_MAX_WAIT_MS: f64 = 3_600_000.0;
const MOST_LEVELS: u64 = 255;

/// The levels of priority that a model's requests may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriorityConfig {
    /// 1 goes first, so many goes last.
    pub levels: NonZeroU8,
    /// Of requests that ask for none of these; at most `levels`.
    pub default_level: NonZeroU8,
    /// A request that has waited for so long goes first whatever its level.
    pub max_wait: Duration,
}

pub(super) fn read(section: &mut Section<'_>) -> PriorityConfig {
    let levels = section.size("priority_levels", MOST_LEVELS, "").unwrap_or(LEVELS);
    let allowed = u64::from(levels.get());
    let default_level =
        section.size("default_priority_level", allowed, "").unwrap_or_else(|| middle(levels));
    let most = 0.0..=LONGEST_MAX_WAIT_MS;
    let max_wait = section.milliseconds("priority_max_wait_ms", most, MAX_WAIT_MS);
    PriorityConfig { levels, default_level, max_wait }
}

/// Leaves as many levels before it as behind it, or one less.
fn middle(levels: NonZeroU8) -> NonZeroU8 {
    NonZeroU8::new(levels.get().div_ceil(2)).unwrap_or(NonZeroU8::MIN)
}
