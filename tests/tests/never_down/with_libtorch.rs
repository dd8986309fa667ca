//! The same with real models, fewer times: a load takes longer.

use forge_tests::{Chance, Forge, Load, Setup, Signal, model_file};

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
    let load = Load::on(&forge).start();
    for file in ["no.pt", "half.pt", "empty.pt", "missing.pt"] {
        for _ in 0..10 {
            let refused = forge.swap("m", file);
            assert_eq!(refused.status, 422, "{file}: {}", refused.text());
        }
    }
    load.wait_for(10);
    load.finish().assert_clean();
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
