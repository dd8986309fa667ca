//! A canary beside the stable version.

use forge_tests::{Forge, Load, Running, Setup};

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
    let load = Load::on(&forge).times(&[2, 3]).connections(8).start();
    load.wait_for(500);
    let verdict = load.finish();
    verdict.assert_clean();
    let expected = verdict.answered_right() / 10;
    let got = verdict.by_factor.get(&3).copied().unwrap_or_default();
    assert!(got.abs_diff(expected) <= 1, "{verdict}");

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
            canary.try_signal(forge_tests::Signal::SIGKILL);
        }
    }
    load.wait_for(10);
    let verdict = load.finish();
    verdict.assert_clean();
    assert!(verdict.by_factor.len() == 2, "{verdict}");
    done(&forge, "promote");
}
