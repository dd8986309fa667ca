//! Models that fail, and who is told.

use forge_tests::{Connection, Forge, Setup, json};

const M: [(&str, &str); 1] = [("model", "m")];

/// A model that gets exactly these rows as its first batch.
fn one_batch(script: &str, rows: &[f64]) -> (Forge, Vec<Connection>) {
    let forge = Setup::new()
        .test_model("m", script)
        .with(&format!("max_batch_size = {}", rows.len()))
        .with("batch_window_ms = 20000")
        .start();
    let sent =
        rows.iter().map(|row| forge.send_predict("m", &json!({"input": [row, 0]}))).collect();
    (forge, sent)
}

#[test]
fn a_batch_that_throws_is_bisected_and_only_the_culprit_is_told() {
    let rows = [1.0, 2.0, 3.0, 4.0, 5.0, -6.0, 7.0, 8.0];
    let (forge, mut sent) = one_batch("throw", &rows);
    for (connection, row) in sent.iter_mut().zip(rows) {
        let response = connection.response();
        if row < 0.0 {
            assert_eq!(response.status, 500);
            assert_eq!(response.detail(), "Inference failed: a negative row");
        } else {
            assert_eq!(response.output(), json!([row, 0.0]));
        }
    }
    // All eight, then both halves of what failed: 4 + 4, 2 + 2, 1 + 1.
    let scrape = forge.scrape();
    assert_eq!(scrape.value("forge_batch_size_count", &M), 7.0);
    assert_eq!(scrape.value("forge_rows_total", &M), 22.0);
    assert_eq!(scrape.value("forge_requests_total", &[M[0], ("status", "error")]), 1.0);
    assert_eq!(scrape.value("forge_requests_total", &[M[0], ("status", "success")]), 7.0);
}

#[test]
fn several_culprits_are_all_found() {
    let rows = [-1.0, 2.0, 3.0, -4.0];
    let (_forge, mut sent) = one_batch("throw", &rows);
    for (connection, row) in sent.iter_mut().zip(rows) {
        assert_eq!(connection.response().status, if row < 0.0 { 500 } else { 200 });
    }
}

#[test]
fn a_real_model_that_throws_is_told_in_its_own_words() {
    let forge = Setup::new().real_model("m", "throws.pt").start();
    let response = forge.predict("m", &json!({"input": [-1]}));
    assert_eq!(response.status, 500);
    assert!(response.detail().starts_with("Inference failed: "), "{}", response.detail());
    assert!(response.detail().contains("a value is negative"), "{}", response.detail());
    assert_eq!(forge.predict("m", &json!({"input": [1]})).output(), json!([2.0]));
}

#[test]
fn a_batch_that_finds_no_memory_is_halved_and_blames_nobody() {
    let rows = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
    let (forge, mut sent) = one_batch("oom 2", &rows);
    for (connection, row) in sent.iter_mut().zip(rows) {
        assert_eq!(connection.response().output(), json!([row, 0.0]));
    }
    assert_eq!(forge.metric("forge_batch_size_count", &M), 7.0);
}

#[test]
fn a_single_row_without_memory_may_come_again() {
    let forge = Forge::serving("m", "oom 0");
    let response = forge.predict("m", &json!({"input": [1]}));
    assert_eq!(response.status, 503);
    assert!(response.header("retry-after").is_some());
    assert!(response.detail().contains("memory"), "{}", response.detail());
}

#[test]
fn an_output_that_is_not_rows_first_is_never_sliced() {
    let forge = Forge::serving("m", "shape");
    let response = forge.predict("m", &json!({"input": [1]}));
    assert_eq!(response.status, 500);
    assert_eq!(response.detail(), "output 0 has shape [2], expected rows first");
}

#[test]
fn a_real_model_that_sums_over_its_rows_is_told_so() {
    let forge = Setup::new().real_model("m", "sum.pt").start();
    let response = forge.predict("m", &json!({"input": [1, 2]}));
    assert_eq!(response.status, 500);
    assert_eq!(response.detail(), "output 0 has shape [], expected rows first");
}

#[test]
fn outputs_too_large_together_fit_in_halves() {
    let rows = [1.0, 2.0, 3.0, 4.0];
    let forge = Setup::new()
        .test_model("m", "big 3000")
        .with("frame_bytes = 8192")
        .with("max_batch_size = 4")
        .with("batch_window_ms = 20000")
        .start();
    let mut sent: Vec<_> =
        rows.iter().map(|row| forge.send_predict("m", &json!({"input": [row]}))).collect();
    assert!(sent.iter_mut().all(|connection| connection.response().status == 200));
    assert_eq!(forge.metric("forge_batch_size_count", &M), 3.0);
}
