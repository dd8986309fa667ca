//! Memory that runs out.

use forge_tests::{Forge, Load, MemoryGroup, Setup, json};

const MIB: u64 = 1 << 20;

/// `m`, whose worker keeps so much more with every request, in a control group with this much memory.
fn leaking(megabytes: u32, group: &MemoryGroup) -> Forge {
    Setup::new()
        .in_group(group)
        .test_model("m", &format!("leak {megabytes}"))
        .with("frame_bytes = 65536")
        .test_model("other", "multiply 5")
        .with("frame_bytes = 65536")
        .start()
}

/// The numbers in a text.
fn numbers(text: &str) -> Vec<u64> {
    text.split(|letter: char| !letter.is_ascii_digit())
        .filter_map(|word| word.parse().ok())
        .collect()
}

#[test]
fn swaps_that_need_more_memory_than_there_is_are_refused_with_both_numbers() {
    let Some(group) = MemoryGroup::of(400 * MIB) else { return };
    let forge = leaking(60, &group);
    forge.write("other.model", "multiply 3");
    while forge.workers().iter().map(|worker| worker.own_memory()).max() < Some(220 * MIB) {
        assert_eq!(forge.predict("m", &json!({"input": [1]})).status, 200);
    }
    let load = Load::on(&forge).model("other").times(&[5]).start();
    for _ in 0..199 {
        assert_eq!(forge.swap("m", "other.model").status, 503);
    }
    let refused = forge.swap("m", "other.model");
    load.finish().assert_clean();
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert_eq!(refused.header("retry-after"), Some("1"));
    let [needed, available] = numbers(&refused.detail())[..] else {
        panic!("not two numbers: {}", refused.detail())
    };
    assert!(needed > 200 * MIB && available < needed && available > 0, "{}", refused.detail());
    assert_eq!(forge.get("/v1/models/m").json()["version"], 1);
    assert_eq!(forge.predict("other", &json!({"input": [1]})).output(), json!([5.0]));
    drop(forge);
}

#[test]
fn a_worker_that_the_kernel_kills_for_memory_loses_no_request() {
    let Some(group) = MemoryGroup::of(200 * MIB) else { return };
    let forge = leaking(30, &group);
    let others = Load::on(&forge).model("other").times(&[5]).start();
    for number in 0..20 {
        let answer = forge.predict("m", &json!({"input": [number]}));
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    others.finish().assert_clean();
    assert!(forge.metric("forge_worker_restarts_total", &[("model", "m")]) >= 2.0);
    assert_eq!(forge.metric("forge_blamed_requests_total", &[("model", "m")]), 0.0);
    assert_eq!(forge.metric("forge_worker_restarts_total", &[("model", "other")]), 0.0);
    drop(forge);
}

/// What a worker has come to hold tells nothing of what its successor will: that is what it held when it was fresh.
#[test]
fn a_worker_is_not_replaced_where_two_do_not_fit() {
    let Some(group) = MemoryGroup::of(400 * MIB) else { return };
    let fresh = |megabytes: u32| {
        let setup = Setup::new().in_group(&group).test_model("m", &format!("leak {megabytes}"));
        let setup = setup.with_inputs(&[("x", "float32", "[1]")]).with("frame_bytes = 65536");
        setup.with("max_batch_size = 1\nmax_worker_age_s = 1.0").start()
    };
    let forge = fresh(60);
    forge.wait_for_log(&["older than 1s", "but it is not replaced", "of memory, as those"]);
    let log = forge.log();
    let line = log.lines().find(|line| line.contains("but it is not replaced")).unwrap();
    let told = numbers(line.split("not replaced").nth(1).unwrap());
    let (needed, available) = (told[0], told[1]);
    assert!(needed > 200 * MIB && available < needed, "{line}");
    assert_eq!(forge.predict("m", &json!({"input": [3]})).output(), json!([3.0]));
    drop(forge);
    let forge = fresh(20);
    forge.wait_for_log(&["the worker is replaced: it is older than 1s"]);
    drop(forge);
}
