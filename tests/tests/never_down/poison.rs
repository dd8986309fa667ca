//! Requests that end their worker, among good ones.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use forge_tests::{Forge, Load, Response, Setup, json, until};

const M: [(&str, &str); 1] = [("model", "m")];

/// A request that begins with the number which sets the model off, and is like no other.
fn poison(forge: &Forge, trigger: u32, number: u64) -> Response {
    forge.predict("m", &json!({"input": [trigger, number]}))
}

fn assert_blamed(response: &Response, how: &str) {
    assert_eq!(response.status, 500, "{}", response.text());
    let told = response.detail();
    assert!(told.contains("ended the worker that ran it alone") && told.contains(how), "{told}");
}

/// `m` of this script beside `other`.
fn beside_another(script: &str, line: &str) -> Forge {
    Setup::new().test_model("m", script).with(line).test_model("other", "multiply 5").start()
}

/// Ten requests, one after the other, that end their worker in this way: each is told so, the good
/// ones beside them are answered, and the other model notices nothing.
fn is_blamed_among_good_ones(script: &str, trigger: u32, how: &str) {
    let forge = beside_another(script, "batch_timeout_s = 0.3");
    let good = Load::on(&forge).times(&[1]).row(2).connections(8).start();
    let others = Load::on(&forge).model("other").times(&[5]).start();
    for number in 0..10 {
        good.wait_for(10);
        assert_blamed(&poison(&forge, trigger, number), how);
    }
    good.wait_for(10);
    good.finish().assert_clean();
    others.finish().assert_clean();
    assert_eq!(forge.metric("forge_blamed_requests_total", &M), 10.0);
    assert_eq!(forge.metric("forge_worker_restarts_total", &[("model", "other")]), 0.0);
}

#[test]
fn a_segmentation_fault_is_blamed_on_its_request_alone() {
    is_blamed_among_good_ones("die SIGSEGV", 666, "killed by SIGSEGV");
}

#[test]
fn a_bus_error_is_blamed_on_its_request_alone() {
    is_blamed_among_good_ones("die SIGBUS", 666, "killed by SIGBUS");
}

#[test]
fn an_illegal_instruction_is_blamed_on_its_request_alone() {
    is_blamed_among_good_ones("die SIGILL", 666, "killed by SIGILL");
}

#[test]
fn an_abort_is_blamed_on_its_request_alone() {
    is_blamed_among_good_ones("die SIGABRT", 666, "killed by SIGABRT");
}

#[test]
fn a_floating_point_exception_is_blamed_on_its_request_alone() {
    is_blamed_among_good_ones("die SIGFPE", 666, "killed by SIGFPE");
}

#[test]
fn a_forward_that_hangs_is_blamed_on_its_request_alone() {
    is_blamed_among_good_ones("hang", 777, "batch_timeout_s");
}

/// Nobody can tell whether it was the request, so it runs again until its deadline; who waits beside
/// it is answered all the same.
fn is_not_blamed(script: &str, trigger: u32) {
    let forge = beside_another(script, "request_timeout_s = 3.0");
    let good = Load::on(&forge).times(&[1]).row(2).connections(8).start();
    let others = Load::on(&forge).model("other").times(&[5]).start();
    for number in 0..3 {
        good.wait_for(10);
        let response = poison(&forge, trigger, number);
        assert_eq!(response.status, 504, "{}", response.text());
    }
    good.wait_for(10);
    good.finish().assert_clean();
    others.finish().assert_clean();
    assert_eq!(forge.metric("forge_blamed_requests_total", &M), 0.0);
}

#[test]
fn a_kill_is_blamed_on_nobody() {
    is_not_blamed("die SIGKILL", 666);
}

#[test]
fn a_clean_exit_is_blamed_on_nobody() {
    is_not_blamed("exit 0 row", 444);
}

#[test]
fn a_broken_rule_of_the_ring_is_blamed_on_nobody() {
    is_not_blamed("lie descriptor", 555);
}

#[test]
fn inputs_that_were_blamed_never_reach_a_worker_again_for_a_while() {
    let forge = beside_another("crash", "poison_ttl_s = 2.0");
    assert_blamed(&poison(&forge, 666, 1), "SIGSEGV");
    until("it serves again", || forge.workers().len() == 2);
    for _ in 0..20 {
        assert_blamed(&poison(&forge, 666, 1), "SIGSEGV");
    }
    assert_eq!(forge.metric("forge_worker_restarts_total", &M), 1.0);
    until("they are tried once more", || {
        assert_blamed(&poison(&forge, 666, 1), "SIGSEGV");
        forge.metric("forge_worker_restarts_total", &M) == 2.0
    });
}

#[test]
fn a_client_that_keeps_sending_it_does_not_keep_others_from_their_answers() {
    let forge = beside_another("crash", "workers = 2");
    let good = Load::on(&forge).times(&[1]).row(2).connections(8).start();
    let (is_over, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for changes in [false, true] {
            let (forge, is_over, sent) = (&forge, &is_over, &sent);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    let number = sent.fetch_add(1, Ordering::Relaxed);
                    let number = if changes { number } else { 0 };
                    assert_blamed(&poison(forge, 666, number), "SIGSEGV");
                }
            });
        }
        // A test that fails here must not leave the others running.
        let waited = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| good.wait_for(1000)));
        is_over.store(true, Ordering::Relaxed);
        assert!(waited.is_ok(), "the good ones are answered too slowly");
    });
    let verdict = good.finish();
    println!("{} poison; {verdict}", sent.load(Ordering::Relaxed));
    verdict.assert_clean();
}

#[test]
fn without_retries_whoever_ran_with_it_is_told_of_the_crash() {
    let forge = Setup::new()
        .test_model("m", "crash")
        .with("retry_on_crash = false\nbatch_window_ms = 300\nmax_batch_size = 3")
        .start();
    let bodies = [json!([1, 0]), json!([666, 0]), json!([2, 0])];
    let mut clients: Vec<_> =
        bodies.iter().map(|input| forge.send_predict("m", &json!({"input": input}))).collect();
    for client in &mut clients {
        let answer = client.response();
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert!(answer.detail().contains("SIGSEGV"), "{}", answer.detail());
    }
    assert_eq!(forge.metric("forge_replayed_requests_total", &M), 0.0);
    until("it serves again", || forge.predict("m", &json!({"input": [1]})).status == 200);
}
