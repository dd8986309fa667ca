//! The same with real models, fewer times: a load takes longer.

use forge_tests::{
    Chance, Forge, Load, Process, Setup, Signal, json, model_file, until, weights_file,
};

use crate::failing_swaps::assert_refused;
use crate::swaps::assert_swapped;

fn doubling() -> Forge {
    let forge = Setup::new().real_model("m", "double.pt").start();
    forge.write("triple.pt", std::fs::read(model_file("triple.pt")).unwrap());
    forge
}

#[test]
fn fifty_swaps_lose_nothing() {
    let forge = doubling();
    let load = Load::on(&forge).times(&[2, 3]).start();
    for swap in 0..50 {
        assert_swapped(&forge.swap("m", if swap % 2 == 0 { "triple.pt" } else { "double.pt" }));
    }
    let verdict = load.finish();
    verdict.assert_clean();
    assert_eq!(verdict.by_factor.len(), 2, "{verdict}");
}

#[test]
fn ten_failing_swaps_of_each_kind_change_nothing() {
    let forge = doubling();
    forge.write("no.pt", "not a model");
    let whole = std::fs::read(model_file("triple.pt")).unwrap();
    forge.write("half.pt", &whole[..whole.len() / 2]);
    forge.write("empty.pt", "");
    forge.write("weights.pt", weights_file());
    let load = Load::on(&forge).start();
    for (file, status, why) in [
        ("no.pt", 422, "not a TorchScript file"),
        ("half.pt", 422, "or a part of one"),
        ("weights.pt", 422, "it holds weights"),
        ("empty.pt", 422, "it is empty"),
        ("missing.pt", 422, "No such file"),
        ("/etc/passwd", 403, "outside of model_root"),
    ] {
        refused_ten_times(&forge, file, status, why);
    }
    for _ in 0..10 {
        let mut first = forge.send_swap("m", "double.pt");
        until("its worker loads", || forge.workers().len() == 2);
        assert_refused(&forge.swap("m", "triple.pt"), 409, "swapping to double.pt");
        assert_swapped(&first.response());
        until("the one before has gone", || forge.workers().len() == 1);
    }
    load.wait_for(10);
    load.finish().assert_clean();
}

/// What the config declares of its inputs, a new version has to take.
#[test]
fn ten_swaps_to_each_kind_of_model_that_does_not_fit_change_nothing() {
    let inputs = [("x", "float32", "[1]")];
    let forge = Setup::new().real_model("m", "double.pt").with_inputs(&inputs).start();
    for file in ["sum.pt", "add.pt"] {
        forge.write(file, std::fs::read(model_file(file)).unwrap());
    }
    let load = Load::on(&forge).start();
    refused_ten_times(&forge, "sum.pt", 422, "rows");
    refused_ten_times(&forge, "add.pt", 422, "but the config does not declare");
    load.wait_for(10);
    load.finish().assert_clean();
}

/// Their workers stand still in the middle of it, two at a time of five models.
#[test]
fn ten_loads_that_never_end_change_nothing() {
    const MODELS: [&str; 5] = ["m", "n", "o", "p", "q"];
    let setup = Setup::new().server("parallel_loads = 5");
    let forge = MODELS
        .iter()
        .fold(setup, |setup, name| setup.real_model(name, "double.pt").with("load_timeout_s = 6.0"))
        .start();
    forge.write("triple.pt", std::fs::read(model_file("triple.pt")).unwrap());
    let load = Load::on(&forge).start();
    let serving = forge.workers();
    for _ in 0..2 {
        let mut swaps = MODELS.map(|name| forge.send_swap(name, "triple.pt"));
        until("each new worker stands still", || {
            let workers = forge.workers().into_iter();
            let new: Vec<_> = workers.filter(|worker| !serving.contains(worker)).collect();
            let is_loading = |worker: &Process| {
                worker.mapped_files().iter().any(|file| file.contains("libtorch_cpu"))
            };
            let still = new.iter().filter(|worker| is_loading(worker));
            still.filter(|worker| worker.try_signal(Signal::SIGSTOP)).count() == MODELS.len()
        });
        for swap in &mut swaps {
            assert_refused(&swap.response(), 422, "load_timeout_s");
        }
        until("they have gone", || forge.workers() == serving);
    }
    load.finish().assert_clean();
    for name in MODELS {
        assert_eq!(forge.predict(name, &json!({"input": [4]})).output(), json!([8.0]));
    }
}

fn refused_ten_times(forge: &Forge, file: &str, status: u16, why: &str) {
    for _ in 0..10 {
        assert_refused(&forge.swap("m", file), status, why);
    }
}

#[test]
fn thirty_kills_lose_nothing() {
    let forge = doubling();
    let load = Load::on(&forge).start();
    let mut chance = Chance::new();
    for _ in 0..30 {
        load.wait_for(1 + chance.below(10) as u64);
        for worker in forge.workers() {
            worker.try_signal(Signal::SIGKILL);
        }
    }
    load.wait_for(10);
    load.finish().assert_clean();
}
