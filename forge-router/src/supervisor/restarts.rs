//! When a worker that has died is started again. Pure; time and chance come as arguments.
//!
//! A worker that had answered a batch restarts at once: it works, and whoever waits should not wait
//! longer than a load takes. Deaths before the first answered batch are pauses that double, and so
//! many within a window (`restart_limit`, `restart_window_s`) are trouble: from there on one restart
//! is tried each time the window has room again, so that what was repaired outside comes back by
//! itself.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(10);
/// Others wait meanwhile.
const LONGEST_REPEATED: Duration = Duration::from_secs(1);

/// The deaths of the processes in one worker's place.
#[derive(Debug)]
pub struct Restarts {
    limit: u32,
    window: Duration,
    /// Deaths before a first answer, since the last answer, within the window.
    in_vain: VecDeque<Instant>,
    /// Deaths of the same request again, since the last answer.
    repeated: u32,
}

/// What a process had come to when it died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// It had answered a client's batch, or a request alone was found to be the cause.
    Yes,
    /// It ran a request alone that another had died with: that says nothing new of the worker.
    RepeatedRequest,
    No,
}

/// What to do after a death.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    AtOnce,
    After(Duration),
    /// It is in trouble: the pause lasts until the window has room.
    InTrouble(Duration),
}

impl Restarts {
    pub fn new(limit: u32, window: Duration) -> Self {
        Self { limit, window, in_vain: VecDeque::new(), repeated: 0 }
    }

    /// After the death of a process that had `served`. `chance` in 0..=1 spreads the restarts of
    /// workers that died together over the upper half of a pause.
    pub fn after_death(&mut self, now: Instant, served: Served, chance: f64) -> Restart {
        let spread = |pause: Duration| pause.mul_f64(0.5 + 0.5 * chance.clamp(0.0, 1.0));
        match served {
            Served::Yes => {
                self.in_vain.clear();
                self.repeated = 0;
                return Restart::AtOnce;
            }
            Served::RepeatedRequest => {
                self.repeated += 1;
                return Restart::After(spread(doubled(self.repeated).min(LONGEST_REPEATED)));
            }
            Served::No => {}
        }
        self.in_vain.push_back(now);
        while self.in_vain.front().is_some_and(|death| now.duration_since(*death) >= self.window) {
            self.in_vain.pop_front();
        }
        let deaths = self.in_vain.len() as u32;
        if deaths >= self.limit
            && let Some(oldest) = self.in_vain.front()
        {
            return Restart::InTrouble((*oldest + self.window).duration_since(now));
        }
        Restart::After(spread(doubled(deaths).min(LONGEST)))
    }
}

/// The pause after so many deaths, from 1.
fn doubled(deaths: u32) -> Duration {
    FIRST.saturating_mul(1 << (deaths - 1).min(16))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(60);

    fn ms(restart: Restart) -> u128 {
        match restart {
            Restart::AtOnce => 0,
            Restart::After(pause) | Restart::InTrouble(pause) => pause.as_millis(),
        }
    }

    #[test]
    fn a_worker_that_served_restarts_at_once_and_wipes_the_slate() {
        let (mut restarts, now) = (Restarts::new(5, WINDOW), Instant::now());
        for _ in 0..3 {
            restarts.after_death(now, Served::No, 1.0);
        }
        assert_eq!(restarts.after_death(now, Served::Yes, 1.0), Restart::AtOnce);
        assert_eq!(restarts.after_death(now, Served::No, 1.0), Restart::After(FIRST));
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let (mut restarts, now) = (Restarts::new(100, WINDOW), Instant::now());
        let pauses: Vec<u128> =
            (0..9).map(|_| ms(restarts.after_death(now, Served::No, 1.0))).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
        assert_eq!(ms(Restarts::new(100, WINDOW).after_death(now, Served::No, 0.0)), 50);
    }

    #[test]
    fn too_many_deaths_in_the_window_are_trouble_until_it_has_room() {
        let (mut restarts, start) = (Restarts::new(3, WINDOW), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        restarts.after_death(at(0), Served::No, 0.0);
        restarts.after_death(at(1), Served::No, 0.0);
        let trouble = restarts.after_death(at(2), Served::No, 0.0);
        assert_eq!(trouble, Restart::InTrouble(Duration::from_secs(58)));
        // The one at 0 is out of the window, those at 1 and 2 are not.
        let again = restarts.after_death(at(60), Served::No, 0.0);
        assert_eq!(again, Restart::InTrouble(Duration::from_secs(1)));
        assert!(matches!(restarts.after_death(at(600), Served::No, 0.0), Restart::After(_)));
    }

    #[test]
    fn a_limit_of_one_is_trouble_at_the_first_death() {
        let mut restarts = Restarts::new(1, WINDOW);
        assert_eq!(
            restarts.after_death(Instant::now(), Served::No, 0.0),
            Restart::InTrouble(WINDOW)
        );
    }

    #[test]
    fn one_request_over_and_over_pauses_and_is_no_trouble() {
        let (mut restarts, now) = (Restarts::new(2, WINDOW), Instant::now());
        let mut again = || ms(restarts.after_death(now, Served::RepeatedRequest, 1.0));
        let pauses: Vec<u128> = (0..6).map(|_| again()).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1000, 1000]);
        assert_eq!(restarts.after_death(now, Served::No, 1.0), Restart::After(FIRST));
    }
}
