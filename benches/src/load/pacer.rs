//! A timer finer than tokio's, whose milliseconds would let requests start in bursts.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::Instant;

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Waits for moments, to some microseconds.
#[derive(Debug)]
pub(super) struct Pacer {
    timer: AsyncFd<Timer>,
}

#[derive(Debug)]
struct Timer(TimerFd);

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Pacer {
    /// tokio deprecates its safe constructor because an `AsRawFd` type may close its descriptor early
    /// (tokio's pull request 8587). A [`Timer`] keeps its own open, and this crate has no unsafe.
    #[expect(deprecated, reason = "sound for an owner of its descriptor, see above")]
    pub(super) fn new() -> io::Result<Self> {
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK)?;
        Ok(Self { timer: AsyncFd::with_interest(Timer(timer), Interest::READABLE)? })
    }

    /// Returns at `time`, at once where it has passed.
    pub(super) async fn wait_until(&self, time: Instant) -> io::Result<()> {
        let left = time.saturating_duration_since(Instant::now());
        // To set it to zero would stop it.
        if left.is_zero() {
            return Ok(());
        }
        let expiration = Expiration::OneShot(TimeSpec::from_duration(left));
        self.timer.get_ref().0.set(expiration, TimerSetTimeFlags::empty())?;
        // It need not be read: to set it again takes its expirations back, and the next one is an
        // event of its own.
        self.timer.readable().await?.clear_ready();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn it_waits_for_each_moment() {
        let pacer = Pacer::new().unwrap();
        let mut time = Instant::now();
        for _ in 0..20 {
            time += Duration::from_micros(700);
            pacer.wait_until(time).await.unwrap();
            assert!(Instant::now() >= time);
        }
        pacer.wait_until(time).await.unwrap();
    }
}
