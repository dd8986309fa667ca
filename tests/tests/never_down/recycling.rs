//! Workers that are replaced because they have grown, or are old.

use forge_tests::{Forge, Load, Running, Setup, until};

/// Waits until the worker has been replaced so many times.
fn is_replaced(forge: &Forge, load: &Running, times: usize) {
    for _ in 0..times {
        let before = forge.workers();
        until("another worker serves in its place", || {
            forge.workers().first().is_some_and(|oldest| !before.contains(oldest))
        });
        load.wait_for(5);
    }
}

fn loses_nothing(script: &str, line: &str, reason: &str) {
    let forge = Setup::new().test_model("m", script).with(line).start();
    let load = Load::on(&forge).times(&[1]).per_second(50).start();
    is_replaced(&forge, &load, 3);
    load.finish().assert_clean();
    forge.wait_for_log(&["the worker is replaced", reason]);
    // It was no crash.
    assert_eq!(forge.metric("forge_worker_restarts_total", &[("model", "m")]), 0.0);
}

#[test]
fn a_worker_that_has_grown_too_large_is_replaced_without_loss() {
    loses_nothing("leak 2", "max_worker_rss = 67108864", "max_worker_rss");
}

#[test]
fn a_worker_that_is_too_old_is_replaced_without_loss() {
    loses_nothing("echo", "max_worker_age_s = 1.0", "max_worker_age_s");
}

/// Its first answers are those of its warm-up, so that a fresh one is too large as well.
#[test]
fn workers_that_are_too_large_from_the_start_do_not_follow_each_other_endlessly() {
    let forge = Setup::new()
        .test_model("m", "leak 1")
        .with_inputs(&[("x", "float32", "[1]")])
        .with("max_worker_rss = 1048576")
        .start();
    forge.wait_for_log(&["a fresh worker holds", "max_worker_rss is 1048576"]);
    let load = Load::on(&forge).times(&[1]).per_second(20).start();
    // For three seconds.
    load.wait_for(60);
    load.finish().assert_clean();
    let log = forge.log();
    let replaced = log.lines().filter(|line| line.contains("the worker is replaced")).count();
    assert!(replaced <= 1, "{replaced} times");
}
