//! The steps that operations have in common: bring a version up, flip to it, take one down.

use std::sync::Arc;
use std::time::Instant;

use tracing::info;

use crate::checkpoint::Checkpoint;
use crate::config::ModelConfig;
use crate::model::{Canary, Role, Route, Share};
use crate::operator::{EventKind, OperationError, Swapped};
use crate::supervisor::Stop;
use crate::supervisor::fleet::Fleet;
use crate::supervisor::memory;
use crate::supervisor::plan::{Ingredients, VersionPlan};
use crate::supervisor::shared::{Managed, ModelTurn, Previous, Shared};
use crate::system;

/// The most kinds of batches that a version is warmed with because the one before ran them.
const MOST_SERVED: usize = 8;

/// What becomes of a version that is ready.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Then {
    Flip,
    Canary(Share),
}

/// Brings a version of these bytes up and has it answer; the one before drains and retires. Any
/// failure leaves the one before untouched.
pub async fn replace(
    shared: &Shared,
    turn: &ModelTurn,
    (checkpoint, config): (Checkpoint, Arc<ModelConfig>),
    then: Then,
) -> Result<Swapped, OperationError> {
    let managed = turn.managed();
    let began = Instant::now();
    let fleet = bring_up(shared, managed, checkpoint, config).await?;
    let path = fleet.plan.checkpoint.path().to_owned();
    let (model, version) = (managed.name().to_owned(), fleet.plan.id);
    let (role, before) = match then {
        Then::Flip => (Role::Stable, flip(managed, &fleet)),
        Then::Canary(share) => {
            start_canary(managed, &fleet, share);
            (Role::Canary(share), None)
        }
    };
    let duration = began.elapsed();
    info!(%model, version = version.0, "{} answers after {duration:.2?}", path.display());
    if let Some(before) = before {
        managed.model.metrics.swapped(duration);
        let text = format!("{} answers after {duration:.2?}", path.display());
        fleet.plan.tell(EventKind::Swapped, None, text);
        take_down(turn, &before).await;
    }
    Ok(Swapped { model, path, version, role, duration })
}

/// Starts the workers of a version and waits until all are ready.
async fn bring_up(
    shared: &Shared,
    managed: &Arc<Managed>,
    checkpoint: Checkpoint,
    config: Arc<ModelConfig>,
) -> Result<Arc<Fleet>, OperationError> {
    let before = managed.fleets().stable;
    let needed =
        before.as_ref().map_or(0, |fleet| memory::as_those_of(fleet, config.workers.len()));
    let expected = shared.turns.expected.expect(needed, system::memory::available())?;
    let served = before.and_then(|fleet| fleet.version());
    let served = served.map(|version| version.traffic(MOST_SERVED)).unwrap_or_default();
    let path = checkpoint.path().to_owned();
    let ingredients = Ingredients {
        model: Arc::clone(&managed.model),
        id: managed.next_version(),
        config,
        checkpoint,
        served,
    };
    let fleet = start_fleet(shared, ingredients);
    managed.change_fleets(|fleets| fleets.coming.push(Arc::clone(&fleet)));
    fleet.plan.tell(EventKind::Loading, None, format!("loading {}", path.display()));
    let ready = shared.unless_ending(fleet.ready()).await;
    drop(expected);
    let cause = match ready {
        Ok(Ok(())) => return Ok(fleet),
        Ok(Err(cause)) => OperationError::Load { path, cause },
        Err(stopping) => stopping,
    };
    fleet.retire(Stop::Soon).await;
    managed.change_fleets(|fleets| fleets.forget(&fleet));
    Err(cause)
}

fn start_fleet(shared: &Shared, ingredients: Ingredients) -> Arc<Fleet> {
    let plan = VersionPlan::new(
        ingredients,
        shared.binary.clone(),
        shared.metrics.clone(),
        shared.events.clone(),
        shared.turns.clone(),
    );
    Fleet::start(plan, &shared.board)
}

/// From here on `fleet` answers everybody. Returns the one that did.
pub fn flip(managed: &Managed, fleet: &Arc<Fleet>) -> Option<Arc<Fleet>> {
    managed.model.set_config(Arc::clone(&fleet.plan.config));
    managed.model.set_route(Route { stable: fleet.version(), canary: None });
    managed.model.metrics.set_canary_share(0.0);
    fleet.set_stable();
    let mut before = None;
    managed.change_fleets(|fleets| {
        fleets.forget(fleet);
        fleets.canary = None;
        before = fleets.stable.replace(Arc::clone(fleet));
        if let Some(before) = &before {
            fleets.leaving.push(Arc::clone(before));
            fleets.previous = Some(Previous {
                id: before.plan.id,
                checkpoint: before.plan.checkpoint.clone(),
                config: Arc::clone(&before.plan.config),
            });
        }
    });
    before
}

fn start_canary(managed: &Managed, fleet: &Arc<Fleet>, share: Share) {
    let stable = managed.model.version();
    let canary = fleet.version().map(|version| Canary::new(version, share));
    managed.model.set_route(Route { stable, canary });
    managed.model.metrics.set_canary_share(share.fraction());
    managed.change_fleets(|fleets| {
        fleets.forget(fleet);
        fleets.canary = Some((Arc::clone(fleet), share));
    });
    let text =
        format!("{} answers {share} of the requests", fleet.plan.checkpoint.path().display());
    fleet.plan.tell(EventKind::CanaryStarted, None, text);
}

/// Lets a version that is no longer reached answer what it has admitted, then ends its workers.
pub async fn take_down(turn: &ModelTurn, fleet: &Arc<Fleet>) {
    turn.doing(format!("version {} drains", fleet.plan.id));
    fleet.plan.tell(EventKind::Draining, None, "answers what it has admitted");
    if let Some(version) = fleet.version() {
        // Bounded, as everybody it has admitted has a deadline; closing it answers them as well.
        version.drain().await;
    }
    fleet.retire(Stop::WhenIdle).await;
    turn.managed().change_fleets(|fleets| fleets.forget(fleet));
    fleet.plan.tell(EventKind::Retired, None, "its workers have ended");
}
