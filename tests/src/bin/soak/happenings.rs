//! What can happen to a Forge.

use std::fs;
use std::time::Instant;

use forge_tests::{Response, Signal, json, until};

use crate::scene::{MOMENT, Scene};

/// Something that happens, and is over when it returns.
pub(crate) struct Happening {
    pub(crate) name: &'static str,
    /// How often it is to happen for a soak to be a full one; it happens the more often, the more that is.
    pub(crate) full: u32,
    pub(crate) how: How,
}

pub(crate) enum How {
    Does(fn(&mut Scene)),
    /// A swap to this file is refused.
    Refused {
        file: &'static str,
        status: u16,
        why: &'static str,
    },
}

const SWAPS: u32 = 1000;
const KILLS: u32 = 500;
const REFUSALS: u32 = 200;
const OTHERS: u32 = 50;

const fn happens(name: &'static str, full: u32, how: fn(&mut Scene)) -> Happening {
    Happening { name, full, how: How::Does(how) }
}

const fn refused(file: &'static str, status: u16, why: &'static str) -> Happening {
    Happening { name: file, full: REFUSALS, how: How::Refused { file, status, why } }
}

pub(crate) const MADE_UP: &[Happening] = &[
    happens("swaps", SWAPS, swap),
    happens("kills", KILLS, kill),
    refused("missing.model", 422, "No such file"),
    refused("/etc/passwd", 403, "outside of model_root"),
    refused("empty.bad", 422, "it is empty"),
    refused("no-model.bad", 422, "not a behaviour"),
    refused("fails.bad", 422, "no such operator"),
    refused("crashes.bad", 422, "killed by SIGSEGV"),
    refused("hangs.bad", 422, "load_timeout_s"),
    happens("swaps beside another", REFUSALS, swap_beside_another),
    happens("swaps of nothing", REFUSALS, swap_of_nothing),
    happens("kills of all", OTHERS, kill_all),
    happens("kills during swaps", OTHERS, kill_during_a_swap),
    happens("canaries", OTHERS, canary),
    happens("rollbacks", OTHERS, rollback),
    happens("scalings", OTHERS, scale),
    happens("guests", OTHERS, guest),
    happens("moved files", OTHERS, move_over_the_file),
    happens("blamed requests", OTHERS, blamed),
    happens("requests that nobody is blamed for", OTHERS, not_blamed),
];

pub(crate) const REAL: &[Happening] = &[
    happens("swaps", SWAPS, swap),
    happens("kills", KILLS, kill),
    refused("missing.model", 422, "No such file"),
    refused("/etc/passwd", 403, "outside of model_root"),
    refused("empty.bad", 422, "it is empty"),
    refused("no-model.bad", 422, "Failed to load checkpoint"),
    refused("half.bad", 422, "Failed to load checkpoint"),
    happens("swaps beside another", REFUSALS, swap_beside_another),
    happens("swaps of nothing", REFUSALS, swap_of_nothing),
    happens("kills of all", OTHERS, kill_all),
    happens("kills during swaps", OTHERS, kill_during_a_swap),
    happens("canaries", OTHERS, canary),
    happens("rollbacks", OTHERS, rollback),
    happens("scalings", OTHERS, scale),
    happens("guests", OTHERS, guest),
    happens("moved files", OTHERS, move_over_the_file),
];

impl Happening {
    pub(crate) fn happen(&self, scene: &mut Scene) {
        match self.how {
            How::Does(happen) => happen(scene),
            How::Refused { file, status, why } => {
                assert_refused(&scene.forge.swap("m", file), status, why);
            }
        }
    }
}

fn assert_refused(refused: &Response, status: u16, why: &str) {
    assert_eq!(refused.status, status, "{}", refused.text());
    assert!(refused.detail().contains(why), "{why}: {}", refused.detail());
}

fn swap(scene: &mut Scene) {
    let file = scene.file();
    let answer = scene.forge.swap("m", file);
    scene.swapped(&answer);
}

/// Whichever comes first is done, and the other one refused.
fn swap_beside_another(scene: &mut Scene) {
    let file = scene.file();
    let mut first = scene.forge.send_swap("m", &file);
    let second = scene.forge.swap("m", &file);
    let first = first.response();
    let (done, refused) = if second.status == 409 { (first, second) } else { (second, first) };
    scene.swapped(&done);
    // The second may have come when the first was done already.
    if refused.status != 200 {
        assert_refused(&refused, 409, "swapping to");
    }
}

fn swap_of_nothing(scene: &mut Scene) {
    assert_refused(&scene.forge.swap("nobody", "missing.model"), 404, "nobody");
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
