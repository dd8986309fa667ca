//! Workers that are killed, at any time.

use forge_tests::{Chance, Forge, Load, Process, Setup, Signal, until};

use crate::failing_swaps::assert_memory_stays;
use crate::shown::model;
use crate::swaps::{assert_swapped, file, forge_with_files};

/// Two workers, so that kills meet each other. Some die before their first answer, which is not to
/// be held against the model here.
fn two_workers() -> Setup {
    let model = Setup::new().test_model("m", "multiply 2");
    model.with("workers = 2\nrestart_limit = 1000")
}

/// Kills one of these workers; `false` where none lives.
fn kill_one(workers: &[Process], chance: &mut Chance) -> bool {
    !workers.is_empty() && chance.one_of(workers).try_signal(Signal::SIGKILL)
}

/// The workers that were started last: half of the time only those.
fn dangerous(forge: &Forge, chance: &mut Chance) -> Vec<Process> {
    let mut workers = forge.workers();
    let from = chance.below(2) * (workers.len() / 2);
    workers.split_off(from)
}

fn come_back(forge: &Forge, size: usize) {
    until("every worker is back", || {
        let shown = forge.get("/v1/models/m").json()["workers"].clone();
        let is_ready = |workers: &Vec<_>| {
            workers.len() == size && workers.iter().all(|state| state == "ready")
        };
        shown.as_array().is_some_and(is_ready)
    });
}

#[test]
fn five_hundred_kills_lose_nothing() {
    let forge = two_workers().start();
    let load = Load::on(&forge).connections(8).per_second(400).start();
    let mut chance = Chance::new();
    let (mut kills, mut before) = (0, None);
    while kills < 500 {
        load.wait_for(4 + chance.below(8) as u64);
        kills += usize::from(kill_one(&forge.workers(), &mut chance));
        if kills == 100 {
            before.get_or_insert_with(|| forge.process().own_memory());
        }
    }
    come_back(&forge, 2);
    let verdict = load.finish();
    println!("{verdict}; p99 {:.1} ms", verdict.quantile(0.99));
    verdict.assert_clean();
    assert_memory_stays(&forge, before.unwrap_or_default());
    assert!(forge.metric("forge_worker_restarts_total", &[("model", "m")]) > 100.0);
    assert_eq!(forge.metric("forge_blamed_requests_total", &[("model", "m")]), 0.0);
}

/// Whoever has answered restarts at once, however often that is: with the limits that a config without
/// any has, no kill makes a request wait for more than that.
#[test]
fn kills_of_workers_that_have_answered_lose_nothing_with_the_default_limits() {
    let forge = Setup::new().test_model("m", "multiply 2").with("workers = 2").start();
    let load = Load::on(&forge).connections(8).per_second(400).start();
    for _ in 0..50 {
        let before: Vec<i32> = forge.workers().iter().map(Process::pid).collect();
        load.wait_for(8);
        for worker in forge.workers() {
            worker.try_signal(Signal::SIGKILL);
        }
        until("others have come", || {
            let now = forge.workers();
            now.len() == 2 && now.iter().all(|worker| !before.contains(&worker.pid()))
        });
        come_back(&forge, 2);
        // Each of them answers before it is killed.
        load.wait_for(16);
    }
    load.finish().assert_clean();
    assert_eq!(model(&forge, "m")["state"], "ready");
}

/// The workers of both versions are in danger; a swap whose own worker was killed says so, and the
/// version that answers goes on.
#[test]
fn kills_during_swaps_and_drains_lose_nothing() {
    let forge = forge_with_files(two_workers());
    let load = Load::on(&forge).times(&[2, 3]).connections(8).per_second(400).start();
    let mut chance = Chance::new();
    let (mut swapped, mut failed) = (0, 0);
    for swap in 0..100 {
        load.wait_for(8);
        let mut answer = forge.send_swap("m", file(3 - swap % 2));
        for _ in 0..1 + chance.below(3) {
            load.wait_for(chance.below(4) as u64);
            kill_one(&dangerous(&forge, &mut chance), &mut chance);
        }
        match answer.response() {
            response if response.status == 200 => {
                assert_swapped(&response);
                swapped += 1;
            }
            response => {
                assert_eq!(response.status, 422, "{}", response.text());
                assert!(response.detail().contains("killed by SIGKILL"), "{}", response.detail());
                failed += 1;
            }
        }
    }
    assert!(failed > 0, "no kill met a swap");
    come_back(&forge, 2);
    let verdict = load.finish();
    println!("{swapped} swaps, {failed} failed; {verdict}");
    verdict.assert_clean();
}

#[test]
fn a_worker_killed_while_it_drains_loses_nothing() {
    let slow = |factor: i16| format!("sleep {}", 10 + factor);
    let forge = Setup::new().test_model("m", &slow(1)).with("max_batch_size = 1").start();
    forge.write("other.model", slow(2));
    let load = Load::on(&forge).times(&[1]).connections(8).start();
    for _ in 0..20 {
        load.wait_for(8);
        let old: Vec<Process> = forge.workers();
        let mut swap = forge.send_swap("m", "other.model");
        let started = || forge.get("/v1/models/m").json()["version"].clone();
        let before = started();
        until("the flip", || started() != before || swap.has_answer());
        for worker in old {
            worker.try_signal(Signal::SIGKILL);
        }
        assert_swapped(&swap.response());
    }
    load.finish().assert_clean();
}
