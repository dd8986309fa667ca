//! How many workers load at the same time.

use forge_tests::{Forge, Setup, Signal, json, until};

use crate::shown::worker;

/// A Forge that is starting many models, each of which takes its time to load.
fn starting(models: usize) -> Forge {
    let setup = Setup::new().server("parallel_loads = 2");
    (0..models)
        .fold(setup, |setup, number| setup.test_model(&format!("m{number}"), "slow-load 100"))
        .start_loading()
}

/// How many workers load now, at least.
fn loading(forge: &Forge) -> usize {
    // In this order, so that one which becomes ready meanwhile does not count.
    let alive = forge.workers().len();
    let scrape = forge.scrape();
    let in_state = |state| scrape.sum("forge_workers", &[("state", state)]) as usize;
    alive.saturating_sub(in_state("ready") + in_state("draining"))
}

#[test]
fn no_more_load_at_once_than_they_may_at_the_start() {
    let forge = starting(8);
    let mut most = 0;
    until("all models are ready", || {
        most = most.max(loading(&forge));
        forge.get("/health/ready").status == 200
    });
    assert_eq!(most, 2);
    forge.wait_until_ready();
}

#[test]
fn no_more_load_at_once_than_they_may_in_swaps() {
    let forge = starting(6);
    forge.wait_until_ready();
    let mut swaps: Vec<_> =
        (0..6).map(|n| forge.send_swap(&format!("m{n}"), format!("m{n}.model"))).collect();
    let mut most = 0;
    until("all swaps are done", || {
        most = most.max(loading(&forge));
        swaps.iter().all(forge_tests::Connection::has_answer)
    });
    assert!(swaps.iter_mut().all(|swap| swap.response().status == 200));
    assert_eq!(forge.predict("m0", &json!({"input": [4]})).output(), json!([4.0]));
    assert_eq!(most, 2);
}

/// Its clients wait for it, even where it had none yet.
#[test]
fn a_worker_that_died_does_not_wait_for_the_loads_of_others() {
    let forge = Setup::new()
        .server("parallel_loads = 1")
        .test_model("m", "multiply 2")
        .test_model("other", "echo")
        .start();
    let go = forge.directory().join("go");
    forge.write("waits.model", format!("load-after {}", go.display()));
    let mut swap = forge.send_swap("other", "waits.model");
    until("it loads", || forge.workers().len() == 3);
    worker(&forge, "m", 0).signal(Signal::SIGKILL);
    assert_eq!(forge.predict("m", &json!({"input": [4]})).output(), json!([8.0]));
    assert!(!swap.has_answer());
    forge.write("go", "");
    assert_eq!(swap.response().status, 200);
}
