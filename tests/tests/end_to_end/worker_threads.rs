//! The threads of a worker: those that load a model make way for all others, those that serve do not.

use forge_tests::{Forge, Process, Setup, Thread, json, until};

/// So many numbers that libtorch divides them among its threads.
const NUMBERS: usize = 200_000;

/// The models whose threads are of each kind libtorch has, and how many a worker has for them: the
/// one that serves, the one that watches the router, one each of libgomp's and of XNNPACK's for two
/// intra-op threads, and the inter-op one, with one of libgomp's where it does the work.
const MODELS: [(&str, usize); 2] = [("double.pt", 5), ("forked.pt", 6)];

fn on_two_threads(file: &str) -> Setup {
    let shape = format!("[{NUMBERS}]");
    let setup = Setup::new().real_model("m", file).with("num_threads = 2");
    setup.with_inputs(&[("x", "float32", &shape)]).with("max_batch_size = 2")
}

fn answers(forge: &Forge) {
    let output = forge.predict("m", &json!({"input": vec![1; NUMBERS]})).output();
    assert_eq!(output, json!(vec![2.0; NUMBERS]));
}

fn only_worker(forge: &Forge) -> Process {
    let workers = forge.workers();
    assert_eq!(workers.len(), 1);
    workers[0]
}

fn all_serving_threads_have_nice_0(forge: &Forge, expected: usize) {
    answers(forge);
    let worker = only_worker(forge);
    // Those that the loader had for itself may still be about to end.
    until("the loader's threads are gone", || worker.threads().len() <= expected);
    let threads = worker.threads();
    assert_eq!(threads.len(), expected, "{threads:?}");
    assert!(threads.iter().all(|thread| thread.nice == usual(forge)), "{threads:?}");
}

/// 0, unless the tests themselves make way for others.
fn usual(forge: &Forge) -> i64 {
    forge.process().nice()
}

#[test]
fn all_serving_threads_have_nice_0_after_ready() {
    for (file, threads) in MODELS {
        all_serving_threads_have_nice_0(&on_two_threads(file).start(), threads);
    }
}

#[test]
fn all_serving_threads_have_nice_0_after_ready_as_a_user_without_privileges_too() {
    for (file, threads) in MODELS {
        let forge = on_two_threads(file).unprivileged().start();
        assert!(!forge.process().may_change_priorities());
        assert!(!only_worker(&forge).may_change_priorities());
        all_serving_threads_have_nice_0(&forge, threads);
    }
}

#[test]
fn the_thread_that_loads_makes_way_and_the_others_do_not() {
    let forge = Setup::new().test_model("m", "hang-load").start_loading();
    let is_loader = |thread: &Thread| thread.name == "loader";
    let loads = |worker: &Process| worker.threads().iter().any(is_loader);
    until("a worker loads", || forge.workers().iter().any(loads));
    until("its loader makes way", || {
        let threads = only_worker(&forge).threads();
        let (loaders, others): (Vec<_>, Vec<_>) = threads.into_iter().partition(is_loader);
        assert!(others.iter().all(|thread| thread.nice == usual(&forge)), "{others:?}");
        loaders.iter().all(|thread| thread.nice == 19)
    });
}
