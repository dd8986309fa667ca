//! What can happen to a Forge.

use std::fs;
use std::time::Instant;

use forge_tests::{Connection, Response, Signal, json, until};

use crate::scene::{MOMENT, Scene};

/// Something that happens, and is over when it returns.
pub(crate) struct Happening {
    pub(crate) name: &'static str,
    /// How often it is to happen for a soak to be a full one; it happens the more often, the more that is.
    pub(crate) full: u32,
    pub(crate) how: How,
}

pub(crate) enum How {
    /// Tells whether it came to be: a kill finds nobody where all have just died.
    Does(fn(&mut Scene) -> bool),
    /// A swap to this file is refused.
    Refused { file: &'static str, status: u16, why: &'static str },
}

const SWAPS: u32 = 1000;
const KILLS: u32 = 500;
const REFUSALS: u32 = 200;
const OTHERS: u32 = 50;
/// Each takes seconds.
const RARE: u32 = 20;
/// Few, as the router's memory is watched from one to the next.
const RESTARTS: u32 = 5;

const fn happens(name: &'static str, full: u32, how: fn(&mut Scene) -> bool) -> Happening {
    Happening { name, full, how: How::Does(how) }
}

const fn refused(file: &'static str, status: u16, why: &'static str) -> Happening {
    Happening { name: file, full: REFUSALS, how: How::Refused { file, status, why } }
}

/// What happens to test models and to real ones.
const TO_BOTH: &[Happening] = &[
    happens("swaps", SWAPS, swap),
    happens("kills", KILLS, kill),
    refused("missing.model", 422, "No such file"),
    refused("/etc/passwd", 403, "outside of model_root"),
    refused("empty.bad", 422, "it is empty"),
    refused("other-rows.bad", 422, "rows"),
    happens("swaps beside another", REFUSALS, swap_beside_another),
    happens("swaps of nothing", REFUSALS, swap_of_nothing),
    happens("kills of all", OTHERS, kill_all),
    happens("kills during swaps", OTHERS, kill_during_a_swap),
    happens("canaries", OTHERS, canary),
    happens("rollbacks", OTHERS, rollback),
    happens("scalings", OTHERS, scale),
    happens("guests", OTHERS, guest),
    happens("moved files", OTHERS, move_over_the_file),
    happens("restarts", RESTARTS, restart),
];

const TO_TEST_MODELS: &[Happening] = &[
    refused("broken-link.bad", 422, "No such file"),
    refused("folder.bad", 422, "no regular file"),
    refused("outward.bad", 403, "outside of model_root"),
    refused("no-model.bad", 422, "not a behaviour"),
    refused("fails.bad", 422, "no such operator"),
    refused("crashes.bad", 422, "killed by SIGSEGV"),
    refused("hangs.bad", 422, "load_timeout_s"),
    refused("throws-warming.bad", 422, "a negative row"),
    refused("crashes-warming.bad", 422, "killed by SIGABRT"),
    refused("hangs-warming.bad", 422, "load_timeout_s"),
    refused("other-inputs.bad", 422, "'x'"),
    happens("blamed requests", OTHERS, blamed),
    happens("requests that nobody is blamed for", OTHERS, not_blamed),
];

const TO_LIBTORCH: &[Happening] = &[
    refused("no-model.bad", 422, "not a TorchScript file"),
    refused("half.bad", 422, "or a part of one"),
    refused("weights.bad", 422, "it holds weights"),
    refused("other-inputs.bad", 422, "but the config does not declare"),
    happens("blamed requests", RARE, blamed_in_libtorch),
];

/// Everything that happens to test models.
pub(crate) fn to_test_models() -> Vec<&'static Happening> {
    TO_BOTH.iter().chain(TO_TEST_MODELS).collect()
}

/// Everything that happens to real models.
pub(crate) fn to_libtorch() -> Vec<&'static Happening> {
    TO_BOTH.iter().chain(TO_LIBTORCH).collect()
}

impl Happening {
    /// Whether it came to be.
    pub(crate) fn happen(&self, scene: &mut Scene) -> bool {
        match self.how {
            How::Does(happen) => happen(scene),
            How::Refused { file, status, why } => {
                assert_refused(&scene.forge().swap("m", file), status, why);
                true
            }
        }
    }
}

fn assert_refused(refused: &Response, status: u16, why: &str) {
    assert_eq!(refused.status, status, "{}", refused.text());
    assert!(refused.detail().contains(why), "{why}: {}", refused.detail());
}

fn swap(scene: &mut Scene) -> bool {
    let file = scene.file();
    let answer = scene.forge().swap("m", file);
    scene.is_swapped(&answer)
}

/// Whichever comes first is done, and the other one refused; unless the second came when the first was
/// done already.
fn swap_beside_another(scene: &mut Scene) -> bool {
    let file = scene.file();
    let mut first = scene.forge().send_swap("m", file);
    let second = scene.forge().swap("m", file);
    let first = first.response();
    let (done, refused) = if second.status == 409 { (first, second) } else { (second, first) };
    scene.is_swapped(&done);
    if refused.status != 200 {
        assert_refused(&refused, 409, "swapping to");
    }
    refused.status == 409
}

fn swap_of_nothing(scene: &mut Scene) -> bool {
    assert_refused(&scene.forge().swap("nobody", "missing.model"), 404, "nobody");
    true
}

fn kill(scene: &mut Scene) -> bool {
    scene.kill_one()
}

fn kill_all(scene: &mut Scene) -> bool {
    let workers = scene.forge().workers();
    workers.iter().filter(|worker| worker.try_signal(Signal::SIGKILL)).count() > 0
}

fn kill_during_a_swap(scene: &mut Scene) -> bool {
    let file = scene.file();
    let mut answer = scene.forge().send_swap("m", file);
    let mut kills = 0;
    for kill in 0..1 + scene.chance.below(3) {
        // The first soon: a test model is swapped within two requests.
        scene.pass(if kill == 0 { 2 } else { 4 });
        let is_under_way = !answer.has_answer();
        kills += u32::from(scene.kill_one() && is_under_way);
    }
    scene.is_swapped(&answer.response());
    kills > 0
}

fn canary(scene: &mut Scene) -> bool {
    let file = scene.file();
    let share = *scene.chance.one_of(&["1%", "10%", "50%", "100%"]);
    let [dies, is_aborted] = [(); 2].map(|()| scene.chance.below(2) == 0);
    let started = scene.forge().start_canary("m", file, share);
    if !scene.is_swapped(&started) {
        return false;
    }
    scene.pass(8);
    if dies {
        scene.kill_one();
    }
    if is_aborted {
        scene.ctl(&["abort", "m"]);
        return true;
    }
    until("the canary is promoted", || {
        let promoted = scene.forge().ctl(&["promote", "m"]);
        let is_early = promoted.stderr.contains("not all its workers are ready");
        assert!(promoted.code() == 0 || is_early, "{}", promoted.stderr);
        promoted.code() == 0
    });
    true
}

/// Where there is a version to go back to.
fn rollback(scene: &mut Scene) -> bool {
    let back = scene.forge().ctl(&["rollback", "m"]);
    let is_first = back.stderr.contains("no version to go back to");
    assert!(back.code() == 0 || is_first, "{}", back.stderr);
    !is_first
}

fn scale(scene: &mut Scene) -> bool {
    let workers = *scene.chance.one_of(&["1", "2", "3"]);
    scene.ctl(&["scale", "m", workers]);
    true
}

fn guest(scene: &mut Scene) -> bool {
    let file = scene.file();
    scene.ctl(&["load", "guest", file]);
    let answer = scene.forge().predict("guest", &json!({"input": [1]}));
    assert_eq!(answer.status, 200, "{}", answer.text());
    scene.ctl(&["unload", "guest"]);
    true
}

/// As a deployment does: the running version keeps its bytes.
fn move_over_the_file(scene: &mut Scene) -> bool {
    let file = scene.file();
    let path = scene.forge().directory().join(file);
    let new = path.with_extension("new");
    fs::copy(&path, &new).unwrap();
    fs::rename(&new, &path).unwrap();
    scene.kill_one();
    true
}

/// Nobody else sends such a request.
fn disaster(scene: &mut Scene, trigger: i32) -> Connection {
    let other = scene.chance.below(1 << 20);
    scene.forge().send_predict("m", &json!({"input": [trigger, other]}))
}

fn assert_blamed(answer: &Response) {
    assert_eq!(answer.status, 500, "{}", answer.text());
    assert!(answer.detail().contains("ended the worker that ran it alone"), "{}", answer.text());
}

fn blamed(scene: &mut Scene) -> bool {
    let trigger = *scene.chance.one_of(&[222, 333, 666, 777]);
    assert_blamed(&disaster(scene, trigger).response());
    true
}

/// Of the real models only the one that doubles never returns where a number is negative.
fn blamed_in_libtorch(scene: &mut Scene) -> bool {
    let answer = scene.forge().swap("m", "times-2.pt");
    if !scene.is_swapped(&answer) {
        return false;
    }
    assert_blamed(&disaster(scene, -1).response());
    true
}

/// It would run again until its deadline; its client hangs up before.
fn not_blamed(scene: &mut Scene) -> bool {
    let began = Instant::now();
    let trigger = *scene.chance.one_of(&[444, 555]);
    let client = disaster(scene, trigger);
    until("its client is tired of waiting", || began.elapsed() > MOMENT);
    drop(client);
    true
}

fn restart(scene: &mut Scene) -> bool {
    scene.restart();
    true
}
