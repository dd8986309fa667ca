//! How requests become batches.

use forge_tests::{Connection, Forge, Setup, Signal, json, until};

const M: [(&str, &str); 1] = [("model", "m")];

fn batches(forge: &Forge) -> f64 {
    forge.metric("forge_batch_size_count", &M)
}

fn send(forge: &Forge, number: usize) -> Connection {
    forge.send_predict("m", &json!({"input": [number]}))
}

#[test]
fn batches_grow_while_the_model_is_busy_up_to_their_limit() {
    let forge = Setup::new().test_model("m", "sleep 30").with("max_batch_size = 4").start();
    let sent: Vec<_> = (0..40).map(|number| (number, send(&forge, number))).collect();
    for (number, mut connection) in sent {
        assert_eq!(connection.response().output(), json!([number as f64]));
    }
    let scrape = forge.scrape();
    let count = scrape.value("forge_batch_size_count", &M);
    assert_eq!(scrape.value("forge_batch_size_sum", &M), 40.0);
    assert_eq!(scrape.value("forge_batch_size_bucket", &[("model", "m"), ("le", "4")]), count);
    assert!((10.0..40.0).contains(&count), "{count} batches");
}

#[test]
fn an_idle_model_answers_at_once_and_alone() {
    let forge = Forge::serving("m", "echo");
    for number in 0..5 {
        send(&forge, number).response();
    }
    assert_eq!(batches(&forge), 5.0);
}

#[test]
fn a_window_holds_a_batch_until_it_is_full() {
    let forge = Setup::new()
        .test_model("m", "echo")
        .with("max_batch_size = 4")
        .with("batch_window_ms = 20000")
        .start();
    let mut sent: Vec<_> = (0..3).map(|number| send(&forge, number)).collect();
    until("three wait", || forge.metric("forge_queue_depth", &M) == 3.0);
    assert_eq!(batches(&forge), 0.0);
    sent.push(send(&forge, 3));
    assert!(sent.iter_mut().all(|connection| connection.response().status == 200));
    assert_eq!(batches(&forge), 1.0);
}

#[test]
fn a_batch_that_never_fills_runs_when_its_window_has_passed() {
    let forge = Setup::new().test_model("m", "echo").with("batch_window_ms = 200").start();
    let mut sent = [0, 1].map(|number| send(&forge, number));
    assert!(sent.iter_mut().all(|connection| connection.response().status == 200));
    assert_eq!(batches(&forge), 1.0);
}

#[test]
fn rows_of_different_shapes_and_dtypes_do_not_run_together() {
    let forge = Setup::new()
        .test_model("m", "echo")
        .with("max_batch_size = 2")
        .with("batch_window_ms = 20000")
        .start();
    let kinds = [
        json!({"input": [1]}),
        json!({"input": [1, 2]}),
        json!({"input": [[1]]}),
        json!({"input": [1], "dtype": "int64"}),
    ];
    // One of each waits alone; only its like completes its batch.
    let mut first: Vec<_> = kinds.iter().map(|body| forge.send_predict("m", body)).collect();
    until("one of each waits", || forge.metric("forge_queue_depth", &M) == 4.0);
    assert_eq!(batches(&forge), 0.0);
    for (connection, body) in first.iter_mut().zip(&kinds) {
        let expected = forge.predict("m", body).output();
        assert_eq!(connection.response().output(), expected);
    }
    assert_eq!(batches(&forge), 4.0);
}

#[test]
fn batches_are_cut_by_bytes_too() {
    let forge = Setup::new().test_model("m", "sleep 50").with("frame_bytes = 8192").start();
    let row = vec![1.0; 512];
    let mut sent: Vec<_> =
        (0..20).map(|_| forge.send_predict("m", &json!({"input": row}))).collect();
    assert!(sent.iter_mut().all(|connection| connection.response().output() == json!(row)));
    let scrape = forge.scrape();
    let count = scrape.value("forge_batch_size_count", &M);
    assert_eq!(scrape.value("forge_batch_size_bucket", &[("model", "m"), ("le", "4")]), count);
}

#[test]
fn several_workers_share_the_batches() {
    let forge = Setup::new()
        .test_model("m", "hang")
        .with("workers = 2")
        .with("max_batch_size = 1")
        .with("batch_timeout_s = 60.0")
        .with("request_timeout_s = 60.0")
        .start();
    let stuck = forge.send_predict("m", &json!({"input": [777]}));
    until("one worker hangs", || batches(&forge) == 1.0);
    // At most one of these can be put behind the batch that hangs.
    let sent: Vec<_> = (0..4).map(|number| send(&forge, number)).collect();
    until("the other worker answers", || {
        sent.iter().filter(|connection| connection.has_answer()).count() >= 3
    });
    // The one that hangs would make the end wait for its batch.
    forge.workers().iter().for_each(|worker| worker.signal(Signal::SIGKILL));
    drop(stuck);
}

#[test]
fn a_full_queue_refuses_with_an_invitation_to_come_back() {
    let forge = Setup::new()
        .test_model("m", "sleep 1000")
        .with("max_batch_size = 1")
        .with("max_queue_depth = 2")
        .start();
    // One runs, one waits in the ring, two wait in the queue.
    let mut admitted: Vec<_> = (0..2).map(|number| send(&forge, number)).collect();
    until("two are with the worker", || forge.metric("forge_rows_total", &M) == 2.0);
    admitted.extend((2..4).map(|number| send(&forge, number)));
    until("the queue is full", || forge.metric("forge_queue_depth", &M) == 2.0);
    for number in 4..7 {
        let refused = send(&forge, number).response();
        assert_eq!(refused.status, 503);
        assert!(refused.header("retry-after").is_some());
        assert!(refused.detail().starts_with("Request queue saturated (2 pending)."));
    }
    assert!(admitted.iter_mut().all(|connection| connection.response().status == 200));
    let rejected = forge.metric("forge_requests_total", &[M[0], ("status", "rejected")]);
    assert_eq!(rejected, 3.0);
}

#[test]
fn a_burst_that_ring_and_queue_can_hold_together_is_admitted_whole() {
    let forge = Setup::new()
        .test_model("m", "sleep 100")
        .with("max_batch_size = 1")
        .with("max_queue_depth = 6")
        .start();
    // Two go to the ring, six wait.
    let mut sent: Vec<_> = (0..8).map(|number| send(&forge, number)).collect();
    assert!(sent.iter_mut().all(|connection| connection.response().status == 200));
}
