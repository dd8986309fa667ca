//! One line per failed request, but not a million of them.
//!
//! Lines are limited per HTTP status, so a flood of refusals does not hide a model that throws, and
//! so the number of limiters is bounded by what Forge answers, not by what clients send.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::limiter::{Limiter, Rate, Verdict};
use super::text::one_line;

/// Lines per status: twenty at once, then one a second.
const RATE: Rate = Rate { burst: 20, interval: Duration::from_secs(1) };

/// A request that did not get what it asked for.
#[derive(Clone, Copy, Debug)]
pub struct Failure<'a> {
    /// The request's id, as answered to the client.
    pub request_id: &'a str,
    /// The model as the client named it; it need not exist.
    pub model: &'a str,
    /// HTTP status of the answer; 499 where the client was gone.
    pub status: u16,
    /// Why, in the words the client was answered; may span lines.
    pub cause: &'a str,
}

/// Writes failed requests to the log, holding back what floods it.
#[derive(Debug, Default)]
pub struct FailureLog {
    by_status: Mutex<BTreeMap<u16, Limiter>>,
}

impl FailureLog {
    /// A log that has written nothing yet.
    pub fn new() -> FailureLog {
        FailureLog::default()
    }

    /// Writes a line about `failure`, unless there were too many of its status before `now`.
    pub fn record(&self, failure: &Failure<'_>, now: Instant) {
        if let Verdict::Write { suppressed } = self.admit(failure.status, now) {
            write_suppressed(failure.status, suppressed);
            write_failure(failure);
        }
    }

    /// Tells of lines held back that no later line has told of; for the end of the process.
    pub fn report_suppressed(&self) {
        let mut by_status = self.by_status.lock().unwrap_or_else(PoisonError::into_inner);
        for (status, limiter) in by_status.iter_mut() {
            write_suppressed(*status, limiter.take_suppressed());
        }
    }

    /// The lock is not held while the line is written: stderr may be a slow pipe.
    fn admit(&self, status: u16, now: Instant) -> Verdict {
        let mut by_status = self.by_status.lock().unwrap_or_else(PoisonError::into_inner);
        by_status.entry(status).or_insert_with(|| Limiter::new(RATE, now)).admit(now)
    }
}

fn write_failure(failure: &Failure<'_>) {
    let Failure { request_id, model, status, cause } = *failure;
    let (model, cause) = (one_line(model), one_line(cause));
    if is_our_fault(status) {
        tracing::error!(%request_id, %model, status, %cause, "request failed");
    } else {
        tracing::warn!(%request_id, %model, status, %cause, "request failed");
    }
}

fn write_suppressed(status: u16, lines: u64) {
    if lines > 0 {
        tracing::warn!(status, "{lines} similar lines suppressed");
    }
}

/// Overload (503) and deadlines (504) are expected under load; the other 5xx are not.
fn is_our_fault(status: u16) -> bool {
    status >= 500 && !matches!(status, 503 | 504)
}

#[cfg(test)]
mod tests {
    use super::super::subscriber::tests::captured;
    use super::*;

    fn failure(status: u16) -> Failure<'static> {
        Failure { request_id: "r-1", model: "m", status, cause: "it threw\nat line 1" }
    }

    #[test]
    fn a_failed_request_is_one_line_with_id_model_status_and_cause() {
        let text = captured(|| FailureLog::new().record(&failure(500), Instant::now()));
        assert_eq!(text.lines().count(), 1);
        for part in
            ["ERROR", "request_id=r-1", "model=m", "status=500", "cause=it threw\\nat line 1"]
        {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }

    #[test]
    fn a_flood_of_one_status_is_held_back_and_does_not_hide_another() {
        let log = FailureLog::new();
        let start = Instant::now();
        let text = captured(|| {
            (0..50).for_each(|_| log.record(&failure(503), start));
            log.record(&failure(500), start);
            log.record(&failure(503), start + Duration::from_secs(1));
        });
        assert_eq!(text.matches("request failed").count(), 20 + 1 + 1);
        assert_eq!(text.matches("ERROR").count(), 1);
        assert_eq!(text.matches("30 similar lines suppressed").count(), 1);
    }

    #[test]
    fn what_was_held_back_at_the_end_is_told_once() {
        let log = FailureLog::new();
        let start = Instant::now();
        (0..25).for_each(|_| log.record(&failure(404), start));
        assert!(captured(|| log.report_suppressed()).contains("5 similar lines suppressed"));
        assert_eq!(captured(|| log.report_suppressed()), "");
    }
}
