//! What the board shows.

use std::time::SystemTime;

use super::*;
use crate::config::{self, Machine};
use crate::metrics::Metrics;

const ONE: Key<'_> = ("m", VersionId(1));
const TWO: Key<'_> = ("m", VersionId(2));

fn model() -> Arc<Model> {
    let machine = Machine { usable_cpus: vec![0], cpu_quota: None };
    let config = config::for_loading("m", "/m.pt".into(), toml::Table::new(), &machine);
    Model::new(config.unwrap(), &Metrics::new("0", SystemTime::now()))
}

fn add_ready(board: &Board, key: Key<'_>, index: u32) -> RowId {
    let row = board.add(key, index, "cpu".to_owned());
    board.step(key, row, WorkerEvent::Attached);
    board.step(key, row, WorkerEvent::Warmed);
    row
}

fn shown(model: &Model) -> (ModelState, Option<String>) {
    let status = model.status();
    (status.state, status.cause.clone())
}

#[test]
fn a_model_is_ready_once_a_version_was_made_its_stable_one() {
    let (board, model) = (Board::default(), model());
    let progress = board.open(&model, ONE.1);
    add_ready(&board, ONE, 0);
    assert_eq!(shown(&model), (ModelState::Loading, None));
    assert_eq!(progress.borrow().ready, 1);
    board.set_stable(ONE);
    assert_eq!(shown(&model), (ModelState::Ready, None));
}

#[test]
fn without_a_ready_worker_it_is_degraded_and_shows_the_last_cause() {
    let (board, model) = (Board::default(), model());
    let _progress = board.open(&model, ONE.1);
    let row = add_ready(&board, ONE, 0);
    board.set_stable(ONE);
    board.note_cause(ONE, "killed by SIGKILL");
    board.step(ONE, row, WorkerEvent::Failed);
    assert_eq!(shown(&model), (ModelState::Degraded, Some("killed by SIGKILL".to_owned())));
    board.step(ONE, row, WorkerEvent::Start);
    board.step(ONE, row, WorkerEvent::Attached);
    board.step(ONE, row, WorkerEvent::Warmed);
    assert_eq!(shown(&model), (ModelState::Ready, None));
}

#[test]
fn trouble_in_one_place_shows_although_another_serves() {
    let (board, model) = (Board::default(), model());
    let _progress = board.open(&model, ONE.1);
    add_ready(&board, ONE, 0);
    board.set_stable(ONE);
    let trouble = Trouble { short: "file changed".into(), full: "file changed: /m.pt".into() };
    let first = board.set_trouble(ONE, 1, Some(trouble.clone()));
    assert_eq!(first, Some(Some(trouble.clone())));
    assert_eq!(shown(&model), (ModelState::Degraded, Some(trouble.full)));
    // Another place that recovers does not take that away.
    assert_eq!(board.set_trouble(ONE, 0, None), None);
    assert_eq!(board.set_trouble(ONE, 1, None), Some(None));
    assert_eq!(shown(&model), (ModelState::Ready, None));
}

#[test]
fn a_version_is_told_that_none_comes_once_every_place_is_in_trouble() {
    let (board, model) = (Board::default(), model());
    let _progress = board.open(&model, ONE.1);
    let told = || {
        let mut told = None;
        board.tell_whether_any_comes(ONE, |cause| told = cause);
        told
    };
    let trouble = |cause: &str| Some(Trouble { short: cause.into(), full: cause.into() });
    assert_eq!(told(), None);
    add_ready(&board, ONE, 0);
    add_ready(&board, ONE, 1);
    board.set_trouble(ONE, 1, trouble("file changed"));
    assert_eq!(told(), None, "the other place starts its worker again");
    board.set_trouble(ONE, 0, trouble("deaths"));
    assert_eq!(told().as_deref(), Some("deaths"));
    board.set_trouble(ONE, 0, None);
    assert_eq!(told(), None);
    board.vacate(ONE, 0);
    assert_eq!(told().as_deref(), Some("file changed"), "of those that are left");
    board.add(ONE, 2, "cpu".to_owned());
    assert_eq!(told(), None, "a place was added");
}

#[test]
fn what_becomes_of_another_version_does_not_show() {
    let (board, model) = (Board::default(), model());
    let _one = board.open(&model, ONE.1);
    add_ready(&board, ONE, 0);
    board.set_stable(ONE);
    let two = board.open(&model, TWO.1);
    let row = board.add(TWO, 0, "cpu".to_owned());
    board.cannot_serve(TWO, Some("no such op"));
    board.step(TWO, row, WorkerEvent::Failed);
    assert_eq!(two.borrow().failed.as_deref(), Some("no such op"));
    assert_eq!(shown(&model), (ModelState::Ready, None));
    board.close(TWO);
    assert_eq!(model.status().workers, ["ready"]);
}
