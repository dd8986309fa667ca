//! Counting requests so that `received = sum of outcomes + in flight` holds at every scrape.
//!
//! Two decisions make the equation exact instead of nearly right:
//!
//! * *In flight* is not a counter of its own. It is what is left of `received` after the outcomes,
//!   computed from one snapshot. A request that nobody finishes shows up as one in flight for ever,
//!   which is the truth.
//! * A request is counted as received before it can be counted as anything else, and a snapshot
//!   reads in the opposite order: outcomes first (Acquire), then `received`. An outcome is added
//!   with Release, so a snapshot that sees it also sees the `received` that came before it, on
//!   whichever thread. Hence `received >= sum of outcomes` in every snapshot.
//!
//! A scraper that loses its processor halfway through a snapshot would report as in flight all that
//! came and went meanwhile. So a snapshot during which `received` moved is taken again, a bounded
//! number of times; the last one is used as it is, and the equation holds in it all the same.

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus::core::{Collector, Desc};
use prometheus::proto::{MetricFamily, MetricType};

use super::build;
use super::labels::Outcome;
use super::names;
use super::sample::{counter, family, gauge};

/// The requests of one model.
pub(super) struct Requests {
    received: AtomicU64,
    outcomes: [AtomicU64; Outcome::ALL.len()],
    series: Descriptions,
}

/// How often a snapshot is retaken. One takes some ten nanoseconds, requests are microseconds apart.
const SNAPSHOT_ATTEMPTS: u32 = 16;

/// One consistent reading of [`Requests`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Snapshot {
    pub(super) received: u64,
    pub(super) outcomes: [u64; Outcome::ALL.len()],
}

struct Descriptions {
    received: Desc,
    outcomes: Vec<Desc>,
    in_flight: Desc,
}

impl Requests {
    pub(super) fn new(model: &str) -> Requests {
        let of_model = (names::LABEL_MODEL, model);
        let status =
            |value| build::desc(&names::REQUESTS, &[of_model, (names::LABEL_STATUS, value)]);
        let series = Descriptions {
            received: status(names::STATUS_RECEIVED),
            outcomes: Outcome::ALL.iter().map(|outcome| status(outcome.as_str())).collect(),
            in_flight: build::desc(&names::IN_FLIGHT, &[of_model]),
        };
        Requests { received: AtomicU64::new(0), outcomes: Default::default(), series }
    }

    pub(super) fn count_received(&self) {
        self.received.fetch_add(1, Ordering::Relaxed);
    }

    /// Must follow this request's [`Requests::count_received`].
    pub(super) fn count_outcome(&self, outcome: Outcome) {
        self.outcomes[outcome.index()].fetch_add(1, Ordering::Release);
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let mut attempt = 1;
        loop {
            let before = self.received.load(Ordering::Acquire);
            let outcomes = self.outcomes.each_ref().map(|count| count.load(Ordering::Acquire));
            let received = self.received.load(Ordering::Relaxed);
            if received == before || attempt == SNAPSHOT_ATTEMPTS {
                return Snapshot { received, outcomes };
            }
            attempt += 1;
        }
    }
}

impl Snapshot {
    /// Never negative: see the module's documentation.
    pub(super) fn in_flight(&self) -> u64 {
        self.received - self.outcomes.iter().sum::<u64>()
    }
}

impl Collector for Requests {
    fn desc(&self) -> Vec<&Desc> {
        let Descriptions { received, outcomes, in_flight } = &self.series;
        [received, in_flight].into_iter().chain(outcomes).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let snapshot = self.snapshot();
        let outcomes = self.series.outcomes.iter().zip(snapshot.outcomes);
        let statuses = std::iter::once((&self.series.received, snapshot.received))
            .chain(outcomes)
            .map(|(desc, count)| counter(&desc.const_label_pairs, count))
            .collect();
        let in_flight = vec![gauge(&self.series.in_flight.const_label_pairs, snapshot.in_flight())];
        vec![
            family(&names::REQUESTS, MetricType::COUNTER, statuses),
            family(&names::IN_FLIGHT, MetricType::GAUGE, in_flight),
        ]
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::thread;

    use super::*;

    #[test]
    fn a_received_request_is_in_flight_until_its_outcome() {
        let requests = Requests::new("m");
        requests.count_received();
        requests.count_received();
        assert_eq!(requests.snapshot().in_flight(), 2);
        requests.count_outcome(Outcome::Error);
        let snapshot = requests.snapshot();
        assert_eq!((snapshot.received, snapshot.in_flight()), (2, 1));
        assert_eq!(snapshot.outcomes[Outcome::Error.index()], 1);
    }

    #[test]
    fn no_snapshot_taken_under_load_shows_more_outcomes_than_requests() {
        const THREADS: u64 = 4;
        const EACH: u64 = 20_000;
        let requests = Requests::new("m");
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let scraper = scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let snapshot = requests.snapshot();
                    assert!(snapshot.received >= snapshot.outcomes.iter().sum());
                }
            });
            let clients: Vec<_> = (0..THREADS)
                .map(|_| {
                    scope.spawn(|| {
                        for outcome in Outcome::ALL.into_iter().cycle().take(EACH as usize) {
                            requests.count_received();
                            requests.count_outcome(outcome);
                        }
                    })
                })
                .collect();
            clients.into_iter().for_each(|client| client.join().unwrap());
            done.store(true, Ordering::Relaxed);
            scraper.join().unwrap();
        });
        assert_eq!(requests.snapshot().received, THREADS * EACH);
        assert_eq!(requests.snapshot().in_flight(), 0);
    }
}
