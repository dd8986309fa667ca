//! Waiting for what another process does.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::poll::{PollTimeout, poll};

/// Far beyond anything a healthy Forge needs, so that only a broken one meets it.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until `look` sees something.
pub fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    wait_for(look).unwrap_or_else(|| panic!("waited {PATIENCE:?} in vain until {what}"))
}

/// Waits until `condition` holds.
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    eventually(what, || condition().then_some(()));
}

/// What `look` saw in the end, if it saw anything in time.
pub(crate) fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let began = Instant::now();
    loop {
        let seen = look();
        if seen.is_some() || began.elapsed() > PATIENCE {
            return seen;
        }
        pause();
    }
}

/// Rung once, heard by everybody who waits for it.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    is_rung: Mutex<bool>,
    rung: Condvar,
}

impl Bell {
    pub(crate) fn ring(&self) {
        *self.is_rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.rung.notify_all();
    }

    /// Waits until it is rung, or the time has come; `true` where it is rung.
    pub(crate) fn is_rung_by(&self, time: Instant) -> bool {
        let is_rung = self.is_rung.lock().unwrap_or_else(PoisonError::into_inner);
        let left = time.saturating_duration_since(Instant::now());
        let waited = self.rung.wait_timeout_while(is_rung, left, |is_rung| !*is_rung);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// The one place of the tests where time is let pass without an event: what is waited for is the
/// state of another process, which tells nobody.
fn pause() {
    // An interruption only means to look again sooner.
    let _ = poll(&mut [], PollTimeout::from(5_u8));
}
