//! What a scrape shows, seen from outside.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::*;
use crate::request::Compute;

const INSTANT: Duration = Duration::ZERO;

#[test]
fn every_series_of_a_model_is_zero_from_its_registration() {
    let metrics = metrics();
    let _model = metrics.register_model("m");
    let of_model = Scrape::of(&metrics).of_model("m");
    assert!(of_model.values().all(|value| *value == 0.0), "{of_model:#?}");
    for (name, series) in [
        (names::REQUESTS.name, 6),
        (names::WORKERS.name, 6),
        (names::MISSED_WAKES.name, 2),
        (names::QUEUE_DEPTH.name, 1),
    ] {
        let found = of_model.keys().filter(|key| key.starts_with(&format!("{name}{{"))).count();
        assert_eq!(found, series, "{name}");
    }
}

#[test]
fn series_vanish_when_the_model_is_unregistered_or_its_last_handle_goes() {
    let metrics = metrics();
    let before = metrics.render(&[]);

    let model = metrics.register_model("m");
    metrics.unregister_model("m");
    assert_eq!(metrics.render(&[]), before);
    model.expired_in_queue();
    drop(model);
    assert_eq!(metrics.render(&[]), before);

    let model = metrics.register_model("m");
    let clone = model.clone();
    drop(model);
    assert_ne!(metrics.render(&[]), before);
    drop(clone);
    assert_eq!(metrics.render(&[]), before);
}

#[test]
fn a_name_registered_twice_counts_into_the_same_series() {
    let metrics = metrics();
    let (first, second) = (metrics.register_model("m"), metrics.register_model("m"));
    first.expired_in_queue();
    drop(first);
    second.expired_in_queue();
    let timeouts = format!("{}{{model=\"m\"}}", names::QUEUE_TIMEOUTS.name);
    assert_eq!(Scrape::of(&metrics).0[&timeouts], 2.0);
}

#[test]
fn a_name_registered_again_starts_at_zero_while_old_handles_live() {
    let metrics = metrics();
    let old = metrics.register_model("m");
    old.expired_in_queue();
    metrics.unregister_model("m");
    let _new = metrics.register_model("m");
    drop(old);
    let timeouts = format!("{}{{model=\"m\"}}", names::QUEUE_TIMEOUTS.name);
    assert_eq!(Scrape::of(&metrics).0[&timeouts], 0.0);
}

#[test]
fn a_request_dropped_without_an_outcome_is_cancelled() {
    let metrics = metrics();
    let model = metrics.register_model("m");
    drop(model.received());
    model.received().finish(Outcome::Error, INSTANT);
    let _in_flight = model.received();
    let scrape = Scrape::of(&metrics);
    assert_eq!(scrape.status("m", "received"), 3.0);
    assert_eq!(scrape.status("m", "cancelled"), 1.0);
    assert_eq!(scrape.status("m", "error"), 1.0);
    assert_eq!(scrape.in_flight("m"), 1.0);
}

#[test]
fn received_is_the_sum_of_outcomes_and_in_flight_in_every_scrape_under_load() {
    let metrics = metrics();
    let model = metrics.register_model("m");
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    for outcome in Outcome::ALL.into_iter().cycle().take(5_000) {
                        model.received().finish(outcome, INSTANT);
                    }
                })
            })
            .collect();
        let scraper = scope.spawn(|| {
            let mut received_before = 0.0;
            while !done.load(Ordering::Relaxed) {
                let scrape = Scrape::of(&metrics);
                scrape.assert_balanced("m");
                let received = scrape.status("m", "received");
                assert!(received >= received_before, "a counter went backwards");
                received_before = received;
            }
        });
        clients.into_iter().for_each(|client| client.join().unwrap());
        done.store(true, Ordering::Relaxed);
        scraper.join().unwrap();
    });
    let scrape = Scrape::of(&metrics);
    scrape.assert_balanced("m");
    assert_eq!(scrape.in_flight("m"), 0.0);
    assert_eq!(scrape.status("m", "received"), 20_000.0);
}

#[test]
fn the_queue_depth_falls_back_to_zero() {
    let metrics = metrics();
    let model = metrics.register_model("m");
    let depth = format!("{}{{model=\"m\"}}", names::QUEUE_DEPTH.name);
    (0..3).for_each(|_| model.queue_entered());
    assert_eq!(Scrape::of(&metrics).0[&depth], 3.0);
    model.queue_left(3);
    assert_eq!(Scrape::of(&metrics).0[&depth], 0.0);
}

#[test]
fn workers_missed_wakes_and_batches_are_counted_under_their_own_labels() {
    let metrics = metrics();
    let model = metrics.register_model("m");
    model.set_workers(WorkerState::Ready, 2);
    model.missed_wake_of_router();
    model.missed_wakes_of_worker(3);
    model.batch_cut(8);
    model.padded(5, 3);
    for _ in 0..5 {
        model.computed(Compute { infer: Duration::from_millis(2), ..Compute::default() });
    }
    let scrape = Scrape::of(&metrics);
    for (name, labels, expected) in [
        (names::WORKERS.name, ",state=\"ready\"", 2.0),
        (names::WORKERS.name, ",state=\"crashed\"", 0.0),
        (names::MISSED_WAKES.name, ",side=\"router\"", 1.0),
        (names::MISSED_WAKES.name, ",side=\"worker\"", 3.0),
        (names::ROWS.name, "", 8.0),
        (names::PADDED_POSITIONS.name, ",part=\"own\"", 5.0),
        (names::PADDED_POSITIONS.name, ",part=\"padding\"", 3.0),
        (&format!("{}_sum", names::BATCH_SIZE.name), "", 8.0),
        (&format!("{}_count", names::PHASE.name), ",phase=\"compute\"", 5.0),
        (&format!("{}_count", names::COMPUTE.name), ",phase=\"input\"", 5.0),
        (&format!("{}_sum", names::COMPUTE.name), ",phase=\"input\"", 0.0),
        (&format!("{}_sum", names::COMPUTE.name), ",phase=\"infer\"", 0.01),
        (&format!("{}_count", names::COMPUTE.name), ",phase=\"output\"", 5.0),
    ] {
        let series = format!("{name}{{model=\"m\"{labels}}}");
        assert_eq!(scrape.0[&series], expected, "{series}");
    }
}

#[test]
fn buckets_are_cumulative_and_end_with_the_count() {
    let metrics = metrics();
    let model = metrics.register_model("m");
    for millis in [0, 1, 3, 40, 60_000] {
        model.received().finish(Outcome::Success, Duration::from_millis(millis));
    }
    model.received().finish(Outcome::Rejected, INSTANT);
    let prefix = format!("{}_bucket{{", names::LATENCY.name);
    let text = metrics.render(&[]);
    let buckets: Vec<f64> =
        text.lines().filter(|line| line.starts_with(&prefix)).map(|line| sample(line).1).collect();
    assert_eq!(buckets.len(), names::LATENCY_BUCKETS.len() + 1);
    assert!(buckets.is_sorted(), "{buckets:?}");
    assert_eq!((buckets[0], buckets.last()), (1.0, Some(&5.0)));
    let count = format!("{}_count{{model=\"m\"}}", names::LATENCY.name);
    assert_eq!(Scrape::of(&metrics).0[&count], 5.0);
}

#[test]
fn the_queue_wait_is_also_a_phase() {
    let metrics = metrics();
    let model = metrics.register_model("m");
    model.waited(Duration::from_millis(2));
    let scrape = Scrape::of(&metrics);
    let wait = format!("{}_count{{model=\"m\"}}", names::QUEUE_WAIT.name);
    let phase = format!("{}_count{{model=\"m\",phase=\"queue\"}}", names::PHASE.name);
    assert_eq!((scrape.0[&wait], scrape.0[&phase]), (1.0, 1.0));
}

#[test]
fn every_line_is_a_comment_or_a_sample_of_the_family_announced_before_it() {
    let metrics = metrics();
    let _models = ["a", "b.c-d_1"].map(|name| metrics.register_model(name));
    let text = metrics.render(&[]);
    assert!(text.ends_with('\n'));
    let mut family = String::new();
    let mut seen = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            family = rest.split(' ').next().unwrap().to_owned();
            assert!(!seen.contains(&family), "{family} is announced twice");
            seen.push(family.clone());
        } else if !line.starts_with("# HELP ") {
            let (key, value) = sample(line);
            assert!(key.starts_with(&family) && value.is_finite(), "{line}");
        }
    }
    assert!(seen.is_sorted());
}

/// The names are an interface: dashboards and alerts of the original's users rely on them.
#[test]
fn the_exported_families_are_these() {
    let metrics = metrics();
    let _model = metrics.register_model("m");
    let text = metrics.render(&[]);
    let families: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    assert_eq!(families, names::EXPORTED);
}

#[test]
fn tritons_names_stand_among_the_others_where_they_are_asked_for() {
    let metrics = metrics();
    let _model = metrics.register_model("m");
    let text = metrics.render(&[TritonCounts { model: "m".to_owned(), ..Default::default() }]);
    let families: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    let mut expected = [names::EXPORTED, names::EXPORTED_FOR_TRITON].concat();
    expected.sort_unstable();
    assert_eq!(families, expected);
}

fn metrics() -> Metrics {
    let metrics = Metrics::new("1.2.3", UNIX_EPOCH + Duration::from_secs(1));
    metrics.engine_known("libtorch 2.11.0");
    metrics.engine_known("libtorch 2.11.0");
    metrics
}

/// A scrape as a map from series (name and labels) to value.
struct Scrape(BTreeMap<String, f64>);

impl Scrape {
    fn of(metrics: &Metrics) -> Scrape {
        let text = metrics.render(&[]);
        Scrape(text.lines().filter(|line| !line.starts_with('#')).map(sample).collect())
    }

    fn of_model(&self, model: &str) -> BTreeMap<String, f64> {
        let label = format!("model=\"{model}\"");
        let mine = self.0.iter().filter(|(key, _)| key.contains(&label));
        mine.map(|(key, value)| (key.clone(), *value)).collect()
    }

    fn status(&self, model: &str, status: &str) -> f64 {
        self.0[&format!("{}{{model=\"{model}\",status=\"{status}\"}}", names::REQUESTS.name)]
    }

    fn in_flight(&self, model: &str) -> f64 {
        self.0[&format!("{}{{model=\"{model}\"}}", names::IN_FLIGHT.name)]
    }

    fn assert_balanced(&self, model: &str) {
        let outcomes: f64 =
            Outcome::ALL.iter().map(|outcome| self.status(model, outcome.as_str())).sum();
        assert_eq!(self.status(model, "received"), outcomes + self.in_flight(model));
    }
}

fn sample(line: &str) -> (String, f64) {
    let (key, value) = line.rsplit_once(' ').expect("a sample is a key and a value");
    (key.to_owned(), value.parse().expect("the value is a number"))
}
