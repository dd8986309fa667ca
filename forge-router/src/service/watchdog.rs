//! When a service manager's watchdog wants to be fed (sd_watchdog_enabled(3)).

use std::time::Duration;

use tracing::warn;

/// The period within which the watchdog that is meant for this process wants to be fed; `None` where
/// there is none.
pub fn period() -> Option<Duration> {
    let variable = |name| std::env::var(name).ok();
    let (period, pid) = (variable("WATCHDOG_USEC")?, variable("WATCHDOG_PID"));
    match parse(&period, pid.as_deref(), std::process::id()) {
        Ok(period) => period,
        Err(Malformed) => {
            warn!("the watchdog is not fed: WATCHDOG_USEC={period:?} WATCHDOG_PID={pid:?}");
            None
        }
    }
}

/// One of the two variables is no number; the service manager's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Malformed;

/// Without a process named it is for everybody who hears of it.
fn parse(period: &str, pid: Option<&str>, own: u32) -> Result<Option<Duration>, Malformed> {
    let period: u64 = period.parse().map_err(|_| Malformed)?;
    let pid: u32 = pid.map_or(Ok(own), str::parse).map_err(|_| Malformed)?;
    match (period, pid == own) {
        (0, _) => Err(Malformed),
        (_, false) => Ok(None),
        (period, true) => Ok(Some(Duration::from_micros(period))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_process_that_is_meant_feeds_it() {
        let second = Some(Duration::from_secs(1));
        for (period, pid, expected) in [
            ("1000000", None, Ok(second)),
            ("1000000", Some("7"), Ok(second)),
            ("1000000", Some("8"), Ok(None)),
            ("0", None, Err(Malformed)),
            ("1s", None, Err(Malformed)),
            ("1000000", Some("me"), Err(Malformed)),
        ] {
            assert_eq!(parse(period, pid, 7), expected, "{period} {pid:?}");
        }
    }
}
