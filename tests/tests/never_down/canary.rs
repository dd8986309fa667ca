//! A canary beside the stable version.

use forge_tests::{Forge, Load, Running, Setup, Signal, json, until};

use crate::shown::{assert_refused, model};
use crate::swaps::{file, forge_with_files};

fn with_canary(setup: Setup, share: &str) -> (Forge, Running) {
    let forge = forge_with_files(setup);
    let load = Load::on(&forge).times(&[2, 3]).connections(8).start();
    let started = forge.start_canary("m", file(3), share);
    assert_eq!(started.status, 200, "{}", started.text());
    (forge, load)
}

fn double() -> Setup {
    Setup::new().test_model("m", "multiply 2")
}

fn done(forge: &Forge, order: &str) {
    let finished = forge.ctl(&[order, "m"]);
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
}

#[test]
fn a_canary_gets_its_share_and_the_others_do_not_notice() {
    let (forge, before) = with_canary(double(), "10%");
    before.finish().assert_clean();
    let counted = ["stable", "canary"].map(|role| answered_by(&forge, role));
    let load = Load::on(&forge).times(&[2, 3]).connections(8).start();
    load.wait_for(500);
    let verdict = load.finish();
    verdict.assert_clean();
    let expected = verdict.answered_right() / 10;
    let got = verdict.by_factor.get(&3).copied().unwrap_or_default();
    assert!(got.abs_diff(expected) <= 1, "{verdict}");
    for ((role, factor), before) in [("stable", 2), ("canary", 3)].into_iter().zip(counted) {
        let answered = verdict.by_factor.get(&factor).copied().unwrap_or_default();
        assert_eq!(answered_by(&forge, role) - before, answered as f64, "{role}: {verdict}");
    }
    assert_eq!(forge.metric("forge_canary_share", &[("model", "m")]), 0.1);

    let forced = |route: &str, factor| {
        let load = Load::on(&forge).times(&[factor]).header("X-Forge-Route", route).start();
        load.wait_for(20);
        load.finish().assert_clean();
    };
    forced("canary", 3);
    forced("stable", 2);
    done(&forge, "abort");
}

#[test]
fn a_client_of_the_sticky_header_stays_with_its_version() {
    let (forge, load) = with_canary(double().with("sticky_header = \"x-user\""), "50%");
    load.finish().assert_clean();
    let versions: Vec<i16> = (0..10)
        .map(|user| {
            let user = format!("user {user}");
            let load = Load::on(&forge).times(&[2, 3]).header("X-User", &user).start();
            load.wait_for(10);
            let verdict = load.finish();
            verdict.assert_clean();
            assert_eq!(verdict.by_factor.len(), 1, "{user}: {verdict}");
            *verdict.by_factor.keys().next().unwrap()
        })
        .collect();
    assert!(versions.contains(&2) && versions.contains(&3), "{versions:?}");
    done(&forge, "abort");
}

#[test]
fn canaries_come_and_go_without_loss() {
    let forge = forge_with_files(double());
    let load = Load::on(&forge).times(&[2, 3]).connections(8).start();
    for round in 0..50 {
        let started = forge.start_canary("m", file(2 + round % 2), "30%");
        assert_eq!(started.status, 200, "{}", started.text());
        let second = forge.swap("m", file(3));
        assert_eq!(second.status, 409, "{}", second.text());
        load.wait_for(4);
        done(&forge, if round % 3 == 0 { "abort" } else { "promote" });
    }
    load.finish().assert_clean();
}

#[test]
fn a_canary_that_dies_is_started_again_and_its_requests_are_answered() {
    let (forge, load) = with_canary(double(), "50%");
    for _ in 0..20 {
        load.wait_for(10);
        if let Some(canary) = forge.workers().last() {
            canary.try_signal(Signal::SIGKILL);
        }
    }
    load.wait_for(10);
    let verdict = load.finish();
    verdict.assert_clean();
    assert!(verdict.by_factor.len() == 2, "{verdict}");
    done(&forge, "promote");
}

/// Whoever asks for the stable version notices nothing of a canary that cannot be started again.
fn is_not_promoted(setup: Setup, die: impl Fn(&Forge), cause: &str) {
    let forge = forge_with_files(setup);
    assert_eq!(forge.start_canary("m", file(3), "50%").status, 200);
    let load = Load::on(&forge).header("X-Forge-Route", "stable").start();
    die(&forge);
    until("the trouble of the canary is shown", || model(&forge, "m")["cause"] != json!(null));
    let shown = model(&forge, "m")["cause"].as_str().unwrap().to_owned();
    assert!(shown.contains("its canary") && shown.contains(cause), "{shown}");
    assert_refused(&forge.ctl(&["promote", "m"]), 1, cause);
    load.wait_for(20);
    load.finish().assert_clean();
    assert_eq!(model(&forge, "m")["state"], "ready");
    done(&forge, "abort");
    assert_eq!(forge.predict("m", &json!({"input": [1]})).output(), json!([2.0]));
}

fn kill_canary(forge: &Forge) {
    forge.workers().last().unwrap().signal(Signal::SIGKILL);
}

#[test]
fn a_canary_whose_file_was_overwritten_and_whose_worker_died_is_not_promoted() {
    let die = |forge: &Forge| {
        forge.write(&file(3), "multiply 7");
        kill_canary(forge);
    };
    is_not_promoted(double(), die, "file changed since version 2");
}

#[test]
fn a_canary_whose_worker_died_before_it_answered_is_not_promoted() {
    let setup = double().with("restart_limit = 1\nrestart_window_s = 600.0");
    is_not_promoted(setup, kill_canary, "killed by SIGKILL");
}

/// Else it would have fewer workers than the version that it replaces.
#[test]
fn beside_a_canary_the_number_of_workers_stays() {
    let (forge, load) = with_canary(double(), "50%");
    assert_refused(&forge.ctl(&["scale", "m", "2"]), 1, "promote or abort");
    load.finish().assert_clean();
    done(&forge, "abort");
    assert_eq!(forge.ctl(&["scale", "m", "2"]).code(), 0);
    assert_eq!(forge.ctl(&["scale", "m", "1"]).code(), 0);
}

fn answered_by(forge: &Forge, role: &str) -> f64 {
    let labels = [("model", "m"), ("role", role), ("status", "success")];
    forge.metric("forge_role_requests_total", &labels)
}
