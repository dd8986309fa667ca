//! A Forge under load, and what has happened to it.

use std::collections::BTreeMap;
use std::mem;
use std::time::{Duration, Instant};

use forge_tests::{Chance, Forge, Response, Signal};

use crate::happenings::Happening;
use crate::life::{Life, Lived};
use crate::stages::Stage;

/// Happenings between two looks at whether all is as it should be.
const BETWEEN_LOOKS: u32 = 25;

/// A moment in which a client waits in vain before it hangs up.
pub(crate) const MOMENT: Duration = Duration::from_millis(300);

pub(crate) struct Scene {
    pub(crate) chance: Chance,
    stage: Stage,
    happenings: Vec<&'static Happening>,
    life: Life,
    /// What came of the lives before.
    lived: Lived,
    /// How often each happening is yet to be drawn. What is drawn does not depend on what comes of it, so that a seed
    /// tells all.
    left: Vec<u32>,
    happened: BTreeMap<&'static str, u32>,
}

/// What became of a scene in which nothing was lost.
pub(crate) struct Played {
    pub(crate) told: String,
    /// What happened less often than in a full soak.
    pub(crate) short: Vec<String>,
}

impl Scene {
    pub(crate) fn new(stage: Stage, seed: u64) -> Self {
        let life = Life::begin((stage.start)());
        let chance = Chance::from_seed(seed);
        let (lived, left, happened) = (Lived::default(), Vec::new(), BTreeMap::new());
        let happenings = (stage.happenings)();
        Self { chance, stage, happenings, life, lived, left, happened }
    }

    /// Lets things happen until then, and tells what did.
    pub(crate) fn play_until(mut self, end: Instant) -> Played {
        while Instant::now() < end {
            for _ in 0..BETWEEN_LOOKS {
                let happening = self.next();
                let came_to_be = happening.happen(&mut self);
                *self.happened.entry(happening.name).or_default() += u32::from(came_to_be);
                self.life.has_seen_one_more();
                self.pass(6);
            }
            self.life.look();
        }
        let file = self.file();
        let Self { happenings, life, lived, happened, .. } = self;
        let Lived { answered, slowest, growth } = lived + life.end(file);
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

    /// By chance, of those that are left of a full soak; once there are none, of another one.
    fn next(&mut self) -> &'static Happening {
        if self.left.iter().all(|left| *left == 0) {
            self.left = self.happenings.iter().map(|happening| happening.full).collect();
        }
        let mut drawn = self.chance.below(self.left.iter().sum::<u32>() as usize) as u32;
        // What is drawn is less than all of them together.
        let index = self.left.iter().position(|left| match drawn.checked_sub(*left) {
            Some(rest) => {
                drawn = rest;
                false
            }
            None => true,
        });
        let index = index.unwrap();
        self.left[index] -= 1;
        self.happenings[index]
    }

    pub(crate) fn forge(&self) -> &Forge {
        &self.life.forge
    }

    /// Ends this Forge in the middle of requests and of a swap; another one goes on.
    pub(crate) fn restart(&mut self) {
        let file = self.file();
        let next = Life::begin((self.stage.start)());
        let life = mem::replace(&mut self.life, next);
        self.lived = self.lived + life.end(file);
    }

    /// Waits until some requests more have been answered.
    pub(crate) fn pass(&mut self, at_most: usize) {
        self.life.pass(self.chance.below(at_most) as u64);
    }

    /// Kills a worker, and tells whether one lived.
    pub(crate) fn kill_one(&mut self) -> bool {
        // Drawn in any case, so that what comes next is the same.
        let drawn = self.chance.below(1 << 10);
        let workers = self.forge().workers();
        !workers.is_empty() && workers[drawn % workers.len()].try_signal(Signal::SIGKILL)
    }

    pub(crate) fn file(&mut self) -> &'static str {
        let files: &'static [&'static str] = self.stage.files;
        files[self.chance.below(files.len())]
    }

    /// Of a swap that was to succeed; one whose worker was killed may fail instead.
    pub(crate) fn is_swapped(&self, response: &Response) -> bool {
        let is_killed = response.status == 422 && response.detail().contains("killed by SIGKILL");
        assert!(response.status == 200 || is_killed, "{} {}", response.status, response.text());
        response.status == 200
    }

    pub(crate) fn ctl(&self, order: &[&str]) {
        let finished = self.forge().ctl(order);
        assert_eq!(finished.code(), 0, "{order:?}: {}", finished.stderr);
    }
}
