//! How many workers load at the same time.

use std::fs;

use forge_tests::{Forge, Setup, Signal, json, until};

use crate::shown::worker;

/// The file that workers tell of their loads.
const TOLD: &str = "loads";

/// A Forge that is starting many models, each of which takes its time to load and tells a file of it.
fn starting(models: usize) -> Forge {
    let setup = Setup::new().server("parallel_loads = 2");
    let told = setup.directory().join(TOLD);
    let script = format!("slow-load 100 {}", told.display());
    (0..models)
        .fold(setup, |setup, number| setup.test_model(&format!("m{number}"), &script))
        .start_loading()
}

/// How many loads were begun, and how many of them were under way at the same time at most.
fn loads(forge: &Forge) -> (usize, usize) {
    let told = fs::read_to_string(forge.directory().join(TOLD)).unwrap();
    let (mut begun, mut now, mut most) = (0, 0, 0);
    for line in told.lines() {
        match line {
            "begun" => (begun, now) = (begun + 1, now + 1),
            _ => now -= 1,
        }
        most = most.max(now);
    }
    (begun, most)
}

#[test]
fn no_more_load_at_once_than_they_may_at_the_start() {
    let forge = starting(8);
    forge.wait_until_ready();
    assert_eq!(loads(&forge), (8, 2));
}

#[test]
fn no_more_load_at_once_than_they_may_in_swaps() {
    let forge = starting(6);
    forge.wait_until_ready();
    let mut swaps: Vec<_> =
        (0..6).map(|n| forge.send_swap(&format!("m{n}"), format!("m{n}.model"))).collect();
    assert!(swaps.iter_mut().all(|swap| swap.response().status == 200));
    assert_eq!(forge.predict("m0", &json!({"input": [4]})).output(), json!([4.0]));
    assert_eq!(loads(&forge), (12, 2));
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
