//! What can happen to a Forge.

use std::fs;
use std::time::Instant;

use forge_tests::{Signal, json, until};

use crate::scene::{MOMENT, Scene};

/// Something that happens, and is over when it returns.
pub(crate) type Happening = fn(&mut Scene);

pub(crate) const MADE_UP: &[(&str, Happening)] = &[
    ("swaps", swap),
    ("failing swaps", failing_swap),
    ("kills", kill),
    ("kills of all", kill_all),
    ("kills during swaps", kill_during_a_swap),
    ("canaries", canary),
    ("rollbacks", rollback),
    ("scalings", scale),
    ("guests", guest),
    ("moved files", move_over_the_file),
    ("blamed requests", blamed),
    ("requests that nobody is blamed for", not_blamed),
];

pub(crate) const REAL: &[(&str, Happening)] = &[
    ("swaps", swap),
    ("swaps once more", swap),
    ("failing swaps", failing_swap),
    ("kills", kill),
    ("kills of all", kill_all),
    ("kills during swaps", kill_during_a_swap),
    ("canaries", canary),
    ("rollbacks", rollback),
    ("moved files", move_over_the_file),
];

fn swap(scene: &mut Scene) {
    let file = scene.file();
    let answer = scene.forge.swap("m", file);
    scene.swapped(&answer);
}

fn failing_swap(scene: &mut Scene) {
    let names = fs::read_dir(scene.forge.directory()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let mut bad: Vec<String> = names.filter(|name| name.ends_with(".bad")).collect();
    bad.sort();
    bad.extend(["missing.bad".to_owned(), "/etc/passwd".to_owned()]);
    let file = scene.chance.one_of(&bad).clone();
    let refused = scene.forge.swap("m", &file);
    assert!([403, 422].contains(&refused.status), "{file}: {}", refused.text());
}

fn kill(scene: &mut Scene) {
    scene.kill_one();
}

fn kill_all(scene: &mut Scene) {
    for worker in scene.forge.workers() {
        worker.try_signal(Signal::SIGKILL);
    }
}

fn kill_during_a_swap(scene: &mut Scene) {
    let file = scene.file();
    let mut answer = scene.forge.send_swap("m", file);
    for _ in 0..1 + scene.chance.below(3) {
        scene.pass(4);
        scene.kill_one();
    }
    scene.swapped(&answer.response());
}

fn canary(scene: &mut Scene) {
    let file = scene.file();
    let share = *scene.chance.one_of(&["1%", "10%", "50%", "100%"]);
    let started = scene.forge.start_canary("m", file, share);
    scene.swapped(&started);
    if started.status != 200 {
        return;
    }
    scene.pass(8);
    if scene.chance.below(2) == 0 {
        scene.kill_one();
    }
    if scene.chance.below(2) == 0 {
        return scene.ctl(&["abort", "m"]);
    }
    until("the canary is promoted", || {
        let promoted = scene.forge.ctl(&["promote", "m"]);
        let is_early = promoted.stderr.contains("not all its workers are ready");
        assert!(promoted.code() == 0 || is_early, "{}", promoted.stderr);
        promoted.code() == 0
    });
}

/// Where there is a version to go back to.
fn rollback(scene: &mut Scene) {
    let back = scene.forge.ctl(&["rollback", "m"]);
    let is_first = back.stderr.contains("no version to go back to");
    assert!(back.code() == 0 || is_first, "{}", back.stderr);
}

fn scale(scene: &mut Scene) {
    let workers = *scene.chance.one_of(&["1", "2", "3"]);
    scene.ctl(&["scale", "m", workers]);
}

fn guest(scene: &mut Scene) {
    let file = scene.file();
    scene.ctl(&["load", "guest", &file]);
    let answer = scene.forge.predict("guest", &json!({"input": [1]}));
    assert_eq!(answer.status, 200, "{}", answer.text());
    scene.ctl(&["unload", "guest"]);
}

/// As a deployment does: the running version keeps its bytes.
fn move_over_the_file(scene: &mut Scene) {
    let file = scene.file();
    let path = scene.forge.directory().join(file);
    let new = path.with_extension("new");
    fs::copy(&path, &new).unwrap();
    fs::rename(&new, &path).unwrap();
    scene.kill_one();
}

/// A request like no other whose first number sets a disaster off.
fn disaster(scene: &mut Scene, triggers: &[u32]) -> forge_tests::Connection {
    let trigger = *scene.chance.one_of(triggers);
    let other = scene.chance.below(1 << 20);
    scene.forge.send_predict("m", &json!({"input": [trigger, other]}))
}

fn blamed(scene: &mut Scene) {
    let answer = disaster(scene, &[222, 333, 666, 777]).response();
    assert_eq!(answer.status, 500, "{}", answer.text());
    assert!(answer.detail().contains("ended the worker that ran it alone"), "{}", answer.text());
}

/// It would run again until its deadline; its client hangs up before.
fn not_blamed(scene: &mut Scene) {
    let began = Instant::now();
    let client = disaster(scene, &[444, 555]);
    until("its client is tired of waiting", || began.elapsed() > MOMENT);
    drop(client);
}
