//! The workers of one version: started together, retired together, more or fewer on demand.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Stop;
use super::board::{Board, Progress, Row};
use super::place;
use super::plan::{VersionPlan, WorkerPlan};
use crate::config::WorkerConfig;
use crate::model::Version;

/// The workers of a version.
#[derive(Debug)]
pub struct Fleet {
    pub plan: Arc<VersionPlan>,
    board: Arc<Board>,
    progress: watch::Receiver<Progress>,
    places: Mutex<Places>,
}

#[derive(Debug, Default)]
struct Places {
    /// Tells each place, by its index, to be empty.
    stops: Vec<watch::Sender<Stop>>,
    tasks: JoinSet<()>,
}

impl Fleet {
    /// Starts a worker in every place that the version's config has.
    pub fn start(plan: Arc<VersionPlan>, board: &Arc<Board>) -> Arc<Self> {
        let progress = board.open(&plan.model, plan.id);
        let workers = plan.config.workers.clone();
        let board = Arc::clone(board);
        let fleet = Arc::new(Self { plan, board, progress, places: Mutex::default() });
        fleet.add(workers);
        fleet
    }

    /// How many places it has.
    pub fn size(&self) -> usize {
        self.places().stops.len()
    }

    /// The version, once a worker has loaded its model.
    pub fn version(&self) -> Option<Arc<Version>> {
        self.plan.version().cloned()
    }

    /// From here on its state is the model's.
    pub fn set_stable(&self) {
        self.board.set_stable(self.plan.key());
    }

    /// What stands on the board about its processes.
    pub fn rows(&self) -> Vec<Row> {
        self.board.rows(self.plan.key())
    }

    /// Why no process comes to one of its places for now.
    pub fn trouble(&self) -> Option<String> {
        self.progress.borrow().trouble.clone()
    }

    /// Whether every place has a worker that is ready.
    pub fn is_ready(&self) -> bool {
        self.progress.borrow().ready >= self.size()
    }

    /// Waits until every place has a worker that is ready; why that will not be.
    pub async fn ready(&self) -> Result<(), String> {
        let wanted = self.size();
        let mut progress = self.progress.clone();
        let is_known =
            |progress: &Progress| progress.ready >= wanted || progress.why_not().is_some();
        match progress.wait_for(is_known).await {
            Ok(progress) if progress.ready >= wanted => Ok(()),
            Ok(progress) => Err(progress.why_not().unwrap_or_default().to_owned()),
            Err(_) => Err("its workers were retired".to_owned()),
        }
    }

    /// Adds places for more workers.
    pub fn add(&self, workers: Vec<WorkerConfig>) {
        self.board.cannot_serve(self.plan.key(), None);
        let mut places = self.places();
        for worker in workers {
            let index = u32::try_from(places.stops.len()).unwrap_or(u32::MAX);
            let plan = WorkerPlan { version: Arc::clone(&self.plan), index, worker };
            let (stop, stopping) = watch::channel(Stop::No);
            places.stops.push(stop);
            places.tasks.spawn(place::keep(plan, Arc::clone(&self.board), stopping));
        }
    }

    /// Empties the last places until `size` are left: each finishes what it has.
    pub fn shrink(&self, size: usize) {
        for stop in self.places().stops.drain(size..) {
            tell(&stop, Stop::WhenIdle);
        }
    }

    /// Empties every place and waits until no process is left. `Stop::Soon` may follow
    /// `Stop::WhenIdle` from elsewhere.
    pub async fn retire(&self, how: Stop) {
        let mut tasks = {
            let mut places = self.places();
            places.stops.iter().for_each(|stop| tell(stop, how));
            std::mem::take(&mut places.tasks)
        };
        while tasks.join_next().await.is_some() {}
        self.board.close(self.plan.key());
    }

    /// Tells those that retire already not to wait long.
    pub fn hurry(&self) {
        self.places().stops.iter().for_each(|stop| tell(stop, Stop::Soon));
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        // Each change is one push or take.
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who was told to be quick is not told otherwise.
fn tell(stop: &watch::Sender<Stop>, how: Stop) {
    stop.send_if_modified(|told| {
        let is_news = *told != Stop::Soon && *told != how;
        if is_news {
            *told = how;
        }
        is_news
    });
}
