//! Workers that hang.

use std::thread;
use std::time::Duration;

use forge_tests::{Load, Setup, Signal, json, until};

const M: [(&str, &str); 1] = [("model", "m")];

/// A third of `request_timeout_s`, as its default is for longer ones, leaves time for everybody else.
#[test]
fn who_waits_with_a_request_that_hangs_is_answered_before_its_deadline() {
    let timeout = "request_timeout_s = 6.0\nbatch_timeout_s = 2.0";
    let forge = Setup::new().test_model("m", "chaos 2").with(timeout).start();
    let good = Load::on(&forge).row(2).connections(8).deadline(Duration::from_secs(6)).start();
    good.wait_for(20);
    let hung = forge.predict("m", &json!({"input": [777, 0]}));
    assert_eq!(hung.status, 500, "{}", hung.text());
    assert!(hung.detail().contains("ended the worker that ran it alone"), "{}", hung.detail());
    good.wait_for(20);
    good.finish().assert_clean();
    assert_eq!(forge.metric("forge_blamed_requests_total", &M), 1.0);
}

/// Its client has hung up, so nobody is owed an answer, and nothing else would end the wait.
#[test]
fn the_end_does_not_wait_for_an_unload_whose_worker_hangs() {
    let patient = "request_timeout_s = 3600.0\nbatch_timeout_s = 3600.0";
    let forge = Setup::new().test_model("m", "hang").with(patient).test_model("n", "echo").start();
    let hung = forge.send_predict("m", &json!({"input": [777]}));
    until("it runs", || forge.metric("forge_rows_total", &M) == 1.0);
    drop(hung);
    let socket = forge.socket().to_owned();
    let unload = thread::spawn(move || {
        let mut command = forge_tests::forge(&["ctl", "--socket"]);
        forge_tests::finish(command.arg(socket).args(["unload", "m"]))
    });
    until("no client reaches it", || forge.get("/v1/models/m").status == 404);
    let ended = forge.stop();
    assert!(ended.status.success(), "{}", ended.log);
    // It was carried out, or the server had gone; either way it is told.
    let unload = unload.join().unwrap();
    assert!([0, 69].contains(&unload.code()), "{unload:?}");
}

/// It does not start the batch, so that what keeps it is not the batch.
#[test]
fn a_worker_that_stands_still_blames_nobody_and_loses_nothing() {
    let lines = "request_timeout_s = 10.0\nbatch_timeout_s = 0.5";
    let forge = Setup::new().test_model("m", "multiply 2").with(lines).start();
    let load = Load::on(&forge).connections(4).per_second(50).start();
    load.wait_for(10);
    forge.workers()[0].signal(Signal::SIGSTOP);
    forge.wait_for_log(&["it did not start a batch within 500ms"]);
    load.wait_for(10);
    load.finish().assert_clean();
    assert_eq!(forge.metric("forge_blamed_requests_total", &M), 0.0);
    assert_eq!(forge.metric("forge_worker_restarts_total", &M), 1.0);
}
