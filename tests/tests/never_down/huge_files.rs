//! Files that are far too large for a model.

use std::fs::File;

use forge_tests::{Forge, Load, Setup, json, until};

use crate::shown::model;

/// 8 TiB, more than any machine has memory; on the disk it takes nothing.
const HUGE: u64 = 8 << 40;

fn write_sparse(forge: &Forge, bytes: u64) {
    File::create(forge.directory().join("large.model")).unwrap().set_len(bytes).unwrap();
}

#[test]
fn a_file_larger_than_the_memory_is_refused_by_its_size_without_being_read() {
    let forge = Setup::new().test_model("m", "multiply 2").start();
    write_sparse(&forge, HUGE);
    let load = Load::on(&forge).start();
    let refused = forge.swap("m", "large.model");
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert!(refused.detail().contains(&HUGE.to_string()), "{}", refused.detail());
    load.wait_for(10);
    load.finish().assert_clean();
    let ended = forge.stop();
    assert!(ended.status.success(), "{}", ended.log);
}

/// Reading it takes seconds at best.
#[test]
fn the_end_does_not_wait_until_a_large_file_has_been_read() {
    let forge = Setup::new().test_model("m", "multiply 2").start();
    write_sparse(&forge, 2 << 30);
    let mut swap = forge.send_swap("m", "large.model");
    until("it is read", || model(&forge, "m")["doing"] == json!("swapping to large.model"));
    let ended = forge.stop();
    assert!(ended.status.success(), "{}", ended.log);
    let answer = swap.response();
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.detail().contains("ending"), "{}", answer.detail());
}

/// Its last bytes are hours away.
#[test]
fn the_end_does_not_wait_until_the_huge_file_of_a_worker_that_is_due_has_been_read() {
    let setup = Setup::new().test_model("m", "multiply 2").with("max_worker_age_s = 1.0");
    let forge = setup.start();
    let file = File::options().write(true).open(forge.directory().join("m.model")).unwrap();
    file.set_len(HUGE).unwrap();
    until("it is read", || forge.process().threads().iter().any(|thread| thread.name == "quiet"));
    assert_eq!(forge.predict("m", &json!({"input": [1]})).output(), json!([2.0]));
    let ended = forge.stop();
    assert!(ended.status.success(), "{}", ended.log);
}
