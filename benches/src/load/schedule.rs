//! When requests of a constant rate are due.

use std::time::{Duration, Instant};

/// Moments at a constant distance, from a beginning until the duration is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    began: Instant,
    per_second: f64,
    count: u64,
}

impl Schedule {
    pub(super) fn new(began: Instant, per_second: f64, duration: Duration) -> Self {
        let count = (per_second * duration.as_secs_f64()).round() as u64;
        Self { began, per_second, count }
    }

    /// When this one is due, the first being 0; `None` after the last.
    pub(super) fn due(&self, turn: u64) -> Option<Instant> {
        // Each from the beginning, so that no error adds up.
        let after = Duration::from_secs_f64(turn as f64 / self.per_second);
        (turn < self.count).then(|| self.began + after)
    }

    /// How many are due by `now`.
    pub(super) fn due_by(&self, now: Instant) -> u64 {
        let Some(elapsed) = now.checked_duration_since(self.began) else { return 0 };
        let due = (elapsed.as_secs_f64() * self.per_second).floor() as u64 + 1;
        due.min(self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_due_at_a_constant_rate_until_the_duration_is_over() {
        let began = Instant::now();
        let schedule = Schedule::new(began, 400.0, Duration::from_secs(2));
        assert_eq!(schedule.count, 800);
        assert_eq!(schedule.due(0), Some(began));
        assert_eq!(schedule.due(1), Some(began + Duration::from_micros(2_500)));
        assert_eq!(schedule.due(799), Some(began + Duration::from_micros(1_997_500)));
        assert_eq!(schedule.due(800), None);
    }

    #[test]
    fn what_a_stall_held_up_is_due_at_once() {
        let began = Instant::now();
        let schedule = Schedule::new(began, 1000.0, Duration::from_secs(1));
        let after =
            |millis: u64| schedule.due_by(began + Duration::from_micros(millis * 1000 + 500));
        assert_eq!([after(0), after(1), after(300), after(5000)], [1, 2, 301, 1000]);
        assert_eq!(schedule.due_by(began), 1);
        let before = began.checked_sub(Duration::from_secs(1)).unwrap();
        assert_eq!(schedule.due_by(before), 0);
    }

    #[test]
    fn a_rate_below_one_a_second_has_its_request() {
        let schedule = Schedule::new(Instant::now(), 0.5, Duration::from_secs(10));
        assert_eq!(schedule.count, 5);
    }
}
