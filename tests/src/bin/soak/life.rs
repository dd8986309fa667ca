//! One Forge under load, from its start to its end.

use forge_tests::{Forge, Load, Running, json, until};

/// Happenings after which the router has seen the like of everything.
const WARM: u32 = 200;

/// How much more memory the router may hold in the end than when it was warm.
const MOST_GROWTH: f64 = 1.25;

pub(crate) const WORKERS: &str = "2";

pub(crate) struct Life {
    pub(crate) forge: Forge,
    load: Running,
    happened: u32,
    /// What the router held when it was warm.
    memory: Option<u64>,
}

/// What came of a life in which nothing was lost.
#[derive(Clone, Copy, Default)]
pub(crate) struct Lived {
    pub(crate) answered: u64,
    /// In milliseconds.
    pub(crate) slowest: f64,
    /// How many times as much memory the router held in the end.
    pub(crate) growth: f64,
}

impl Life {
    pub(crate) fn begin(forge: Forge) -> Self {
        let load = Load::on(&forge).times(&[2, 3, 5]).row(2).per_second(100).start();
        Self { forge, load, happened: 0, memory: None }
    }

    pub(crate) fn has_seen_one_more(&mut self) {
        self.happened += 1;
    }

    /// Waits until so many requests more have been answered.
    pub(crate) fn pass(&self, requests: u64) {
        self.load.wait_for(requests);
    }

    /// Every worker there is to be is there, and nothing else.
    pub(crate) fn look(&mut self) {
        until("every worker is ready", || {
            let shown = self.forge.get("/v1/models/m").json();
            let workers = shown["workers"].as_array().unwrap();
            let count = workers.len();
            workers.iter().all(|state| state == "ready") && self.forge.workers().len() == count
        });
        if self.happened >= WARM {
            self.memory.get_or_insert(self.forge.process().own_memory());
        }
    }

    /// Ends it in the middle of requests and of a swap to this file.
    pub(crate) fn end(self, file: &str) -> Lived {
        // As many workers as at first.
        let scaled = self.forge.ctl(&["scale", "m", WORKERS]);
        assert_eq!(scaled.code(), 0, "{}", scaled.stderr);
        let Self { forge, load, memory, .. } = self;
        let verdict = load.finish();
        verdict.assert_clean();
        let now = forge.process().own_memory();
        let growth = memory.map_or(1.0, |before| now as f64 / before as f64);
        assert!(growth < MOST_GROWTH, "the router grew by {growth:.2} to {now} bytes");
        forge.assert_nothing_is_left_behind();
        end_in_the_middle(forge, file);
        Lived { answered: verdict.answered_right(), slowest: verdict.quantile(1.0), growth }
    }
}

/// SIGTERM while a swap is under way: what was admitted is answered, and no process is left.
fn end_in_the_middle(forge: Forge, file: &str) {
    let swap = forge.send_swap("m", file);
    let mut asked: Vec<_> =
        (0..8).map(|_| forge.send_predict("m", &json!({"input": [1, 1]}))).collect();
    let running = || forge.metric("forge_requests_in_flight", &[("model", "m")]) as usize;
    until("each runs or is answered", || {
        asked.iter_mut().filter(|connection| connection.has_answer()).count() + running() >= 8
    });
    let ended = forge.stop();
    assert!(ended.status.success(), "{}", ended.log);
    for connection in &mut asked {
        let answer = connection.response();
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    drop(swap);
}

/// Several lives in a row.
impl std::ops::Add for Lived {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            answered: self.answered + other.answered,
            slowest: self.slowest.max(other.slowest),
            growth: self.growth.max(other.growth),
        }
    }
}
