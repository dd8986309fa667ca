//! A Forge under load, and what has happened to it.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use forge_tests::{Chance, Forge, Load, Response, Running, Setup, Signal, json, model_file, until};

use crate::happenings::{Happening, MADE_UP, REAL};

/// Happenings between two looks at whether all is as it should be.
const BETWEEN_LOOKS: u32 = 25;

const WORKERS: &str = "2";

/// How much more memory the router may hold in the end than after the first looks.
const MOST_GROWTH: f64 = 1.25;

pub(crate) struct Scene {
    pub(crate) forge: Forge,
    pub(crate) chance: Chance,
    /// The files to swap to.
    pub(crate) files: Vec<String>,
    load: Running,
    happenings: &'static [Happening],
    happened: BTreeMap<&'static str, u32>,
}

/// What became of a scene in which nothing was lost.
pub(crate) struct Played {
    pub(crate) told: String,
    /// What happened less often than in a full soak.
    pub(crate) short: Vec<String>,
}

impl Scene {
    /// Of test models that answer like real ones until they are asked for a disaster.
    pub(crate) fn made_up(seed: u64) -> Self {
        let setup = settings(Setup::new().test_model("m", "chaos 2"));
        let forge = setup.with("batch_timeout_s = 0.5\nload_timeout_s = 2.0").start();
        let files = [2, 3, 5].map(|factor| {
            let file = format!("times-{factor}.model");
            forge.write(&file, format!("chaos {factor}"));
            file
        });
        for (name, script) in [
            ("empty", ""),
            ("no-model", "not a model"),
            ("fails", "fail-load no such operator"),
            ("crashes", "crash-load SIGSEGV"),
            ("hangs", "hang-load"),
        ] {
            forge.write(&format!("{name}.bad"), script);
        }
        Self::new(forge, seed, &files, MADE_UP)
    }

    /// Of TorchScript.
    pub(crate) fn real(seed: u64) -> Self {
        let forge = settings(Setup::new().real_model("m", "double.pt")).start();
        let triple = fs::read(model_file("triple.pt")).unwrap();
        forge.write("empty.bad", "");
        forge.write("no-model.bad", "not a model");
        forge.write("half.bad", &triple[..triple.len() / 2]);
        forge.write("times-3.pt", triple);
        forge.write("times-2.pt", fs::read(model_file("double.pt")).unwrap());
        Self::new(forge, seed, &["times-2.pt".to_owned(), "times-3.pt".to_owned()], REAL)
    }

    fn new(forge: Forge, seed: u64, files: &[String], happenings: &'static [Happening]) -> Self {
        let load = Load::on(&forge).times(&[2, 3, 5]).per_second(100).start();
        Self {
            forge,
            chance: Chance::from_seed(seed),
            files: files.to_vec(),
            load,
            happenings,
            happened: BTreeMap::new(),
        }
    }

    /// Lets things happen until then, and tells what did.
    pub(crate) fn play_until(mut self, end: Instant) -> Played {
        let mut memory = None;
        while Instant::now() < end {
            for _ in 0..BETWEEN_LOOKS {
                let happening = self.next();
                *self.happened.entry(happening.name).or_default() += 1;
                happening.happen(&mut self);
                self.pass(6);
            }
            self.is_whole();
            if self.happened.values().sum::<u32>() >= 8 * BETWEEN_LOOKS {
                memory.get_or_insert(self.forge.process().own_memory());
            }
        }
        // As many workers as at first.
        self.ctl(&["scale", "m", WORKERS]);
        let file = self.file();
        let Self { forge, load, happened, happenings, .. } = self;
        let verdict = load.finish();
        verdict.assert_clean();
        let now = forge.process().own_memory();
        let growth = memory.map_or(1.0, |before| now as f64 / before as f64);
        assert!(
            growth < MOST_GROWTH,
            "the router grew by {growth:.2} to {now} bytes: {happened:?}"
        );
        forge.assert_nothing_is_left_behind();
        end_in_the_middle(&forge, &file);
        assert!(forge.wait_until_ended().status.success());
        let (answered, slowest) = (verdict.answered_right(), verdict.quantile(1.0));
        let told = format!(
            "{answered} answered, the last after {slowest:.0} ms; memory × {growth:.2}; {happened:?}"
        );
        let short = happenings.iter().filter_map(|happening| {
            let Happening { name, full, .. } = happening;
            let count = happened.get(name).copied().unwrap_or(0);
            (count < *full).then(|| format!("{name} {count} of {full}"))
        });
        Played { told, short: short.collect() }
    }

    /// By chance, each as often as a full soak has it beside the others.
    fn next(&mut self) -> &'static Happening {
        let all: u32 = self.happenings.iter().map(|happening| happening.full).sum();
        let mut drawn = self.chance.below(all as usize) as u32;
        let mut happenings = self.happenings.iter();
        loop {
            // What is drawn is less than all of them together.
            let happening = happenings.next().unwrap();
            if drawn < happening.full {
                return happening;
            }
            drawn -= happening.full;
        }
    }

    /// Waits until some requests more have been answered.
    pub(crate) fn pass(&mut self, at_most: usize) {
        self.load.wait_for(self.chance.below(at_most) as u64);
    }

    /// Kills a worker, or none where none lives.
    pub(crate) fn kill_one(&mut self) {
        let workers = self.forge.workers();
        if !workers.is_empty() {
            self.chance.one_of(&workers).try_signal(Signal::SIGKILL);
        }
    }

    pub(crate) fn file(&mut self) -> String {
        self.chance.one_of(&self.files).clone()
    }

    /// Of a swap that was to succeed; one whose worker was killed may fail instead.
    pub(crate) fn swapped(&self, response: &Response) {
        let is_killed = response.status == 422 && response.detail().contains("killed by SIGKILL");
        assert!(response.status == 200 || is_killed, "{} {}", response.status, response.text());
    }

    pub(crate) fn ctl(&self, order: &[&str]) {
        let finished = self.forge.ctl(order);
        assert_eq!(finished.code(), 0, "{order:?}: {}", finished.stderr);
    }

    /// Every worker there is to be is there, and nothing else.
    fn is_whole(&self) {
        until("every worker is ready", || {
            let shown = self.forge.get("/v1/models/m").json();
            let workers = shown["workers"].as_array().unwrap();
            let count = workers.len();
            workers.iter().all(|state| state == "ready") && self.forge.workers().len() == count
        });
    }
}

/// SIGTERM while a swap is under way: what was admitted is answered.
fn end_in_the_middle(forge: &Forge, file: &str) {
    let _swap = forge.send_swap("m", file);
    let mut asked: Vec<_> =
        (0..8).map(|_| forge.send_predict("m", &json!({"input": [1, 1]}))).collect();
    let running = || forge.metric("forge_requests_in_flight", &[("model", "m")]) as usize;
    until("each runs or is answered", || {
        asked.iter_mut().filter(|connection| connection.has_answer()).count() + running() >= 8
    });
    forge.process().signal(Signal::SIGTERM);
    for connection in &mut asked {
        let answer = connection.response();
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

/// Deadlines far longer than anything should take. Workers are killed before they have answered, which
/// is not to be held against the model.
fn settings(setup: Setup) -> Setup {
    setup
        .with(&format!("workers = {WORKERS}"))
        .with("restart_limit = 1000\nrequest_timeout_s = 30.0")
}

/// A moment in which a client waits in vain before it hangs up.
pub(crate) const MOMENT: Duration = Duration::from_millis(300);
