//! Swaps from one model to another and back.

use forge_tests::{Forge, Load, Response, Setup, json};

use crate::failing_swaps::assert_memory_stays;

/// A Forge with a model `m` that doubles, and beside it a file for every factor that it is to be
/// swapped to.
pub(crate) fn forge_with_files(setup: Setup) -> Forge {
    let forge = setup.start();
    for factor in [2, 3] {
        forge.write(&file(factor), format!("multiply {factor}"));
    }
    forge
}

pub(crate) fn file(factor: i16) -> String {
    format!("times-{factor}.model")
}

pub(crate) fn assert_swapped(response: &Response) {
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(response.json()["status"], "swapped");
}

#[test]
fn a_thousand_swaps_lose_nothing_and_leave_nothing_behind() {
    let forge = forge_with_files(Setup::new().test_model("m", "multiply 2"));
    assert_swapped(&forge.swap("m", file(3)));
    let load = Load::on(&forge).times(&[2, 3]).start();
    let mut before = None;
    for swap in 0..1000 {
        assert_swapped(&forge.swap("m", file(2 + swap % 2)));
        if swap == 100 {
            before = Some(forge.process().own_memory());
        }
    }
    let verdict = load.finish();
    verdict.assert_clean();
    assert!(verdict.by_factor.values().all(|count| *count > 100), "{verdict}");
    println!("{verdict}; p99 {:.1} ms", verdict.quantile(0.99));
    assert_memory_stays(&forge, before.unwrap_or_default());
    assert_eq!(forge.predict("m", &json!({"input": [1]})).header("x-forge-version"), Some("1002"));
}

/// `print` tells of every batch it runs, and a version without declared inputs has nothing of its own to
/// be warmed with.
#[test]
fn a_version_is_warmed_with_what_the_one_before_it_ran() {
    const RUN: &str = "run says this on stdout";
    for asks_before in [false, true] {
        let forge = Setup::new().test_model("m", "echo").start();
        forge.write("print.model", "print");
        if asks_before {
            forge.predict("m", &json!({"input": [1, 2, 3]})).output();
        }
        assert_swapped(&forge.swap("m", "print.model"));
        forge.wait_for_log(&["load says this on stdout", "version=2"]);
        if asks_before {
            forge.wait_for_log(&[RUN, "version=2"]);
        } else {
            assert!(!forge.log().contains(RUN), "{}", forge.log());
        }
    }
}

#[test]
fn a_version_is_warmed_with_the_rows_dtypes_and_dims_that_the_one_before_it_ran_most() {
    let forge = Setup::new().test_model("m", "echo").start();
    forge.write("print.model", "print");
    let ask = |datatype: &str, shape: [usize; 2]| {
        let data = vec![1; shape[0] * shape[1]];
        let input = json!({"name": "x", "datatype": datatype, "shape": shape, "data": data});
        let body = json!({"inputs": [input]}).to_string();
        assert_eq!(forge.ask("POST", "/v2/models/m/infer", &[], body.as_bytes()).status, 200);
    };
    ask("INT64", [2, 3]);
    ask("INT64", [2, 3]);
    ask("FP32", [1, 5]);
    assert_swapped(&forge.swap("m", "print.model"));
    for ran in ["ran int64[2, 3]", "ran float32[1, 5]"] {
        forge.wait_for_log(&[ran, "version=2"]);
    }
}
