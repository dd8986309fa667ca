//! What a new version is warmed with.

use std::time::SystemTime;

use super::*;
use crate::config::{self, Machine};
use crate::tensor::{Dtype, Shape};

fn row(dtype: Dtype, dims: &[u64]) -> Vec<TensorMeta> {
    vec![TensorMeta { dtype, shape: Shape::new(dims).unwrap() }]
}

fn floats(length: u64) -> Vec<TensorMeta> {
    row(Dtype::Float32, &[length])
}

fn kind(row: Vec<TensorMeta>, rows: u32) -> BatchKind {
    BatchKind { row: row.into(), rows }
}

/// A worker on `device` of a model that runs at most 8 rows, whose version before ran these most.
fn plan(device: &str, served: Vec<BatchKind>) -> WorkerPlan {
    let machine = Machine { usable_cpus: vec![0], cpu_quota: None };
    let settings = format!("max_batch_size = 8\ndevice = {device:?}").parse().unwrap();
    let config = config::for_loading("m", "/m.pt".into(), settings, &machine).unwrap();
    let worker = config.workers[0].clone();
    let metrics = Metrics::new("0", SystemTime::now());
    let model = Model::new(config.clone(), &metrics);
    // Any file does.
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let checkpoint = Checkpoint::open(file.as_ref()).unwrap();
    let ingredients =
        Ingredients { model, id: VersionId(2), config: config.into(), checkpoint, served };
    let turns = Turns {
        loads: Arc::new(Semaphore::new(1)),
        regions: Arc::default(),
        expected: Arc::default(),
    };
    let version = VersionPlan::new(ingredients, PathBuf::new(), metrics, Events::new(), turns);
    WorkerPlan { version, index: 0, worker }
}

fn shown(kinds: &[BatchKind]) -> Vec<String> {
    let show = |BatchKind { row, rows }: &BatchKind| {
        let [meta] = &**row else { panic!("one tensor: {row:?}") };
        format!("{rows} of {}{}", meta.dtype, meta.shape)
    };
    kinds.iter().map(show).collect()
}

#[test]
fn nothing_is_made_up_where_nothing_is_known() {
    let plan = plan("cpu", Vec::new());
    assert_eq!(plan.kinds(None, Turn::Waits), []);
    assert_eq!(plan.last_kinds(None, Turn::Waits), []);
}

#[test]
fn what_is_declared_runs_alone_and_as_a_full_batch_and_on_a_gpu_as_what_lies_between() {
    for (device, sizes) in [("cpu", &[1, 8][..]), ("cuda:0", &[1, 2, 4, 8])] {
        let plan = plan(device, Vec::new());
        let expected: Vec<_> = sizes.iter().map(|rows| kind(floats(4), *rows)).collect();
        assert_eq!(plan.kinds(Some(&floats(4)), Turn::Waits), expected);
        assert_eq!(plan.last_kinds(Some(&floats(4)), Turn::Waits), expected);
    }
}

#[test]
fn what_ran_most_follows_what_is_declared_with_its_own_rows_dtypes_and_dims() {
    let ints = row(Dtype::Int64, &[2, 3]);
    let served = vec![kind(ints, 5), kind(floats(4), 8), kind(floats(9), 3)];
    let plan = plan("cpu", served);
    let kinds = plan.kinds(Some(&floats(4)), Turn::Waits);
    let declared = ["1 of float32[4]", "8 of float32[4]"];
    assert_eq!(shown(&kinds), [&declared[..], &["5 of int64[2, 3]", "3 of float32[9]"]].concat());
    let undeclared = plan.kinds(None, Turn::Waits);
    assert_eq!(shown(&undeclared), ["5 of int64[2, 3]", "8 of float32[4]", "3 of float32[9]"]);
}

#[test]
fn batches_of_more_rows_than_the_new_config_allows_are_left_out() {
    let plan = plan("cpu", vec![kind(floats(4), 9), kind(floats(4), 8)]);
    assert_eq!(plan.kinds(None, Turn::Waits), [kind(floats(4), 8)]);
    assert_eq!(plan.last_kinds(None, Turn::Waits), [kind(floats(4), 8)]);
}

#[test]
fn where_clients_wait_one_batch_has_to_do() {
    let plan = plan("cpu", vec![kind(floats(9), 3), kind(floats(9), 2)]);
    assert_eq!(plan.kinds(Some(&floats(4)), Turn::Urgent), [kind(floats(4), 1)]);
    assert_eq!(plan.last_kinds(Some(&floats(4)), Turn::Urgent), [kind(floats(4), 1)]);
    assert_eq!(plan.kinds(None, Turn::Urgent), [kind(floats(9), 3)]);
}

#[test]
fn on_the_thread_that_serves_a_full_batch_runs_only_where_clients_send_such() {
    let alone = plan("cpu", vec![kind(floats(4), 1), kind(floats(9), 3)]);
    let last = alone.last_kinds(Some(&floats(4)), Turn::Waits);
    assert_eq!(shown(&last), ["1 of float32[4]", "3 of float32[9]"]);
    let full = plan("cpu", vec![kind(floats(4), 8)]);
    let last = full.last_kinds(Some(&floats(4)), Turn::Waits);
    assert_eq!(shown(&last), ["1 of float32[4]", "8 of float32[4]"]);
}
