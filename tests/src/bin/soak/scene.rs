//! A Forge under load, and what has happened to it.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use forge_tests::{Chance, Forge, Load, Response, Running, Setup, model_file, until};

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
    happenings: &'static [(&'static str, Happening)],
    happened: BTreeMap<&'static str, u32>,
}

impl Scene {
    /// Of test models that answer like real ones until they are asked for a disaster.
    pub(crate) fn made_up(seed: u64) -> Self {
        let setup = settings(Setup::new().test_model("m", "chaos 2"));
        let forge = setup.with("batch_timeout_s = 0.5").start();
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

    fn new(
        forge: Forge,
        seed: u64,
        files: &[String],
        happenings: &'static [(&'static str, Happening)],
    ) -> Self {
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
    pub(crate) fn play_until(mut self, end: Instant) -> String {
        let mut memory = None;
        while Instant::now() < end {
            for _ in 0..BETWEEN_LOOKS {
                let (name, happen) = *self.chance.one_of(self.happenings);
                *self.happened.entry(name).or_default() += 1;
                happen(&mut self);
                self.pass(6);
            }
            self.is_whole();
            if self.happened.values().sum::<u32>() >= 8 * BETWEEN_LOOKS {
                memory.get_or_insert(self.forge.process().own_memory());
            }
        }
        // As many workers as at first.
        self.ctl(&["scale", "m", WORKERS]);
        let Self { forge, load, happened, .. } = self;
        let verdict = load.finish();
        verdict.assert_clean();
        let now = forge.process().own_memory();
        let growth = memory.map_or(1.0, |before| now as f64 / before as f64);
        assert!(
            growth < MOST_GROWTH,
            "the router grew by {growth:.2} to {now} bytes: {happened:?}"
        );
        // It is dropped here, and must hold what it held at first.
        drop(forge);
        let (answered, slowest) = (verdict.answered_right(), verdict.quantile(1.0));
        format!(
            "{answered} answered, the last after {slowest:.0} ms; memory × {growth:.2}; {happened:?}"
        )
    }

    /// Waits until some requests more have been answered.
    pub(crate) fn pass(&mut self, at_most: usize) {
        self.load.wait_for(self.chance.below(at_most) as u64);
    }

    /// Kills a worker, or none where none lives.
    pub(crate) fn kill_one(&mut self) {
        let workers = self.forge.workers();
        if !workers.is_empty() {
            self.chance.one_of(&workers).try_signal(forge_tests::Signal::SIGKILL);
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

/// Deadlines far longer than anything should take. Workers are killed before they have answered, which
/// is not to be held against the model.
fn settings(setup: Setup) -> Setup {
    setup
        .with(&format!("workers = {WORKERS}"))
        .with("restart_limit = 1000\nrequest_timeout_s = 30.0")
}

/// A moment in which a client waits in vain before it hangs up.
pub(crate) const MOMENT: Duration = Duration::from_millis(300);
