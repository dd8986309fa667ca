//! Swaps that fail, in every way there is: the version before answers on as if nothing had been.

use std::os::unix::fs::symlink;
use std::thread;

use forge_tests::{Forge, Load, Response, Setup, json};

/// How often each.
const TIMES: usize = 200;

/// A file that is no model, by the name it is asked for, and the refusal.
type Refusal = (&'static str, u16, &'static str);

#[test]
fn files_that_are_none_change_nothing() {
    let forge = Setup::new().test_model("m", "multiply 2").start();
    forge.write("empty.model", "");
    forge.write("no.model", "not a model");
    std::fs::create_dir(forge.directory().join("folder.model")).unwrap();
    symlink("/etc/passwd", forge.directory().join("outward.model")).unwrap();
    symlink("nowhere", forge.directory().join("broken.model")).unwrap();
    let refusals: [Refusal; 8] = [
        ("missing.model", 422, "No such file"),
        ("broken.model", 422, "No such file"),
        ("folder.model", 422, "no regular file"),
        ("empty.model", 422, "it is empty"),
        ("no.model", 422, "not a behaviour"),
        ("/etc/passwd", 403, "outside of model_root"),
        ("../outside.model", 403, "outside of model_root"),
        ("outward.model", 403, "outside of model_root"),
    ];
    change_nothing(&forge, &refusals);
}

#[test]
fn swaps_of_a_model_that_there_is_not_change_nothing() {
    let forge = Setup::new().test_model("m", "multiply 2").start();
    forge.write("other.model", "multiply 3");
    let load = Load::on(&forge).start();
    for _ in 0..TIMES {
        assert_refused(&forge.swap("nobody", "other.model"), 404, "Registered: ['m']");
    }
    load.wait_for(10);
    load.finish().assert_clean();
}

#[test]
fn models_that_fail_change_nothing() {
    let forge =
        Setup::new().test_model("m", "multiply 2").with_inputs(&[("x", "float32", "[1]")]).start();
    let scripts = [
        ("fail-load no such operator", "no such operator"),
        ("crash-load SIGSEGV", "killed by SIGSEGV"),
        ("crash-load SIGKILL", "killed by SIGKILL"),
        ("throw always", "a negative row"),
        ("die SIGABRT always", "killed by SIGABRT"),
        ("shape", "rows"),
        ("multiply 3\nargs y", "'x'"),
    ];
    for (number, (script, _)) in scripts.iter().enumerate() {
        forge.write(&format!("{number}.model"), script);
    }
    let names = ["0.model", "1.model", "2.model", "3.model", "4.model", "5.model", "6.model"];
    let refusals: Vec<Refusal> =
        names.iter().zip(&scripts).map(|(name, (_, why))| (*name, 422, *why)).collect();
    change_nothing(&forge, &refusals);
}

/// It takes a row alone, which is not all that the version before was asked.
#[test]
fn a_model_that_fails_at_full_batches_alone_changes_nothing() {
    let setup = Setup::new().test_model("m", "multiply 2").with("max_batch_size = 2");
    let forge = setup.with_inputs(&[("x", "float32", "[1]")]).start();
    let pair = json!({"name": "x", "datatype": "FP32", "shape": [2, 1], "data": [1, 2]});
    let pair = json!({"inputs": [pair]}).to_string();
    assert_eq!(forge.ask("POST", "/v2/models/m/infer", &[], pair.as_bytes()).status, 200);
    forge.write("full.model", "throw above 1");
    forge.write("fuller.model", "throw above 2");
    change_nothing(&forge, &[("full.model", 422, "a negative row")]);
    assert_eq!(forge.swap("m", "fuller.model").status, 200);
}

/// Asks for each of these files many times, under load.
fn change_nothing(forge: &Forge, refusals: &[Refusal]) {
    let load = Load::on(forge).start();
    let worker = forge.workers();
    let mut before = None;
    for (file, status, why) in refusals {
        for _ in 0..TIMES {
            assert_refused(&forge.swap("m", file), *status, why);
        }
        before.get_or_insert_with(|| forge.process().own_memory());
    }
    load.wait_for(10);
    let verdict = load.finish();
    verdict.assert_clean();
    assert!(verdict.by_version.keys().eq(["1"]), "{verdict}");
    assert_eq!(forge.workers(), worker);
    assert_memory_stays(forge, before.unwrap_or_default());
}

/// The router holds hardly more than it did once it had done the like of it. A list of what happened fills up; a
/// leak would be another matter.
pub(crate) fn assert_memory_stays(forge: &Forge, before: u64) {
    let after = forge.process().own_memory();
    println!("memory {before} before, {after} after");
    assert!(after < before * 6 / 5, "{before} bytes before, {after} after");
}

pub(crate) fn assert_refused(response: &Response, status: u16, why: &str) {
    assert_eq!(response.status, status, "{}", response.text());
    assert!(response.detail().contains(why), "{why}: {}", response.detail());
}

#[test]
fn loads_that_never_end_change_nothing() {
    hanging_changes_nothing("hang-load");
}

#[test]
fn warm_ups_that_never_end_change_nothing() {
    hanging_changes_nothing("hang always");
}

/// Many models, so that they hang at the same time.
fn hanging_changes_nothing(script: &str) {
    const MODELS: usize = 20;
    let name = |number: usize| format!("m{number}");
    let setup = Setup::new().server("parallel_loads = 20");
    let forge = (0..MODELS)
        .fold(setup, |setup, number| {
            let setup = setup.test_model(&name(number), "multiply 2").with("load_timeout_s = 1.5");
            setup.with_inputs(&[("x", "float32", "[1]")])
        })
        .start();
    forge.write("hang.model", script);
    let load = Load::on(&forge).model("m0").start();
    thread::scope(|scope| {
        for number in 0..MODELS {
            let forge = &forge;
            scope.spawn(move || {
                for _ in 0..TIMES / MODELS {
                    let refused = forge.swap(&name(number), "hang.model");
                    assert_refused(&refused, 422, "load_timeout_s");
                }
            });
        }
    });
    load.finish().assert_clean();
    for number in 0..MODELS {
        let answer = forge.predict(&name(number), &json!({"input": [4]}));
        assert_eq!(answer.output(), json!([8.0]));
    }
}

#[test]
fn a_swap_beside_another_is_refused_and_the_other_one_done() {
    let forge = Setup::new().test_model("m", "multiply 2").test_model("n", "multiply 2").start();
    let go = forge.directory().join("go");
    forge.write("waits.model", format!("load-after {}", go.display()));
    forge.write("times-3.model", "multiply 3");
    let load = Load::on(&forge).times(&[2, 1]).start();
    let mut first = forge.send_swap("m", "waits.model");
    forge_tests::until("the first one loads", || forge.workers().len() == 3);
    for _ in 0..TIMES {
        assert_refused(&forge.swap("m", "times-3.model"), 409, "swapping to waits.model");
    }
    // Another model is another matter.
    assert_eq!(forge.swap("n", "times-3.model").status, 200);
    forge.write("go", "");
    assert_eq!(first.response().status, 200);
    load.wait_for(10);
    let verdict = load.finish();
    verdict.assert_clean();
    assert!(verdict.by_factor.contains_key(&1), "{verdict}");
}
