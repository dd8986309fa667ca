//! How much is logged, changed while the server runs.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::reload;

use super::subscriber::Level;

/// Reads and changes the level; cheap to clone.
#[derive(Clone)]
pub struct LevelHandle {
    level: Arc<Mutex<Level>>,
    apply: Arc<dyn Fn(LevelFilter) -> Result<(), reload::Error> + Send + Sync>,
}

/// The level could not be changed: the log has been taken down.
#[derive(Debug, thiserror::Error)]
#[error("the log level cannot be changed: {0}")]
pub struct LevelStuck(#[from] reload::Error);

impl LevelHandle {
    /// Of a subscriber that logs at `level` now.
    pub(super) fn new<S: Subscriber>(level: Level, filter: reload::Handle<LevelFilter, S>) -> Self {
        let apply = move |level| filter.reload(level);
        Self { level: Arc::new(Mutex::new(level)), apply: Arc::new(apply) }
    }

    /// Of no log at all, for tests of what changes the level.
    #[cfg(test)]
    pub fn without_log() -> Self {
        let level = Arc::new(Mutex::new(Level::default()));
        Self { level, apply: Arc::new(|_| Ok(())) }
    }

    pub fn get(&self) -> Level {
        *self.level.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Logs at this level from now on.
    pub fn set(&self, level: Level) -> Result<(), LevelStuck> {
        let mut current = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        (self.apply)(level.filter())?;
        *current = level;
        Ok(())
    }
}

impl fmt::Debug for LevelHandle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("LevelHandle").field(&self.get()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::subscriber::tests::captured_with_handle;
    use super::super::{Format, Settings};
    use super::*;

    #[test]
    fn the_level_can_be_changed_while_lines_are_written() {
        for format in [Format::Text, Format::Json] {
            let settings = Settings { level: Level::Warning, format };
            let text = captured_with_handle(settings, false, |handle| {
                for level in [Level::Warning, Level::Debug, Level::Error] {
                    handle.set(level).unwrap();
                    assert_eq!(handle.get(), level);
                    tracing::debug!("a-debug");
                    tracing::warn!("a-warning");
                }
            });
            assert_eq!(text.matches("a-debug").count(), 1, "{text}");
            assert_eq!(text.matches("a-warning").count(), 2, "{text}");
        }
    }

    #[test]
    fn a_level_without_a_log_cannot_be_changed() {
        let mut left = None;
        captured_with_handle(Settings::default(), false, |handle| left = Some(handle));
        let handle = left.unwrap();
        assert!(handle.set(Level::Debug).is_err());
        assert_eq!(handle.get(), Level::Info);
    }
}
