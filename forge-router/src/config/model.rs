//! `[models.NAME]`: one model.

use std::num::{NonZeroU32, NonZeroU64};
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::{Table, Value};

use super::error::{Problems, join};
use super::inputs::{self, DeclaredInput};
use super::labels::{self, Labels};
use super::locate::Place;
use super::memory;
use super::name::ModelName;
use super::pad::{self, Pad};
use super::preprocess::{self, Preprocess};
use super::priority::{self, PriorityConfig};
use super::section::Section;
use super::workers::{self, Machine, WorkerConfig, WorkersPlan};

const MAX_BATCH_SIZE: NonZeroU32 = NonZeroU32::new(32).unwrap();
const MAX_QUEUE_DEPTH: NonZeroU64 = NonZeroU64::new(256).unwrap();
const REQUEST_TIMEOUT_S: f64 = 30.0;
/// A batch that hangs is given up in time for the others of it to be answered by another worker, and
/// for the one that hangs to be found when it runs alone.
const BATCH_TIMEOUTS_PER_REQUEST: f64 = 3.0;
/// However soon requests expire: a worker that is only slow is not to be killed for it.
const LEAST_BATCH_TIMEOUT_S: f64 = 10.0;
const LOAD_TIMEOUT_S: f64 = 300.0;
const POISON_TTL_S: f64 = 600.0;
const RESTART_LIMIT: NonZeroU32 = NonZeroU32::new(5).unwrap();
const RESTART_WINDOW_S: f64 = 60.0;

const MOST_ROWS: u64 = 1 << 16;
const MOST_REQUESTS: u64 = 1 << 20;
const MINUTE_MS: f64 = 60_000.0;
const DAY_S: f64 = 86_400.0;
const YEAR_S: f64 = 365.0 * DAY_S;
const MOST_RESTARTS: u64 = 1000;
const MIB: u64 = 1 << 20;
const TIB: u64 = 1 << 40;
const LONGEST_HEADER_NAME: usize = 128;

/// The settings of one model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelConfig {
    pub name: ModelName,
    /// A regular file; absolute, symlinks resolved.
    pub path: PathBuf,
    /// How long a batch that is not full is held after its first request; zero: not at all.
    pub batch_window: Duration,
    /// Rows of a batch.
    pub max_batch_size: NonZeroU32,
    /// Requests admitted and not yet cut into a batch.
    pub max_queue_depth: NonZeroU64,
    pub priority: PriorityConfig,
    pub request_timeout: Duration,
    /// A batch that runs longer is hung.
    pub batch_timeout: Duration,
    pub load_timeout: Duration,
    /// Whether the server as a whole is not ready while this model is not.
    pub required: bool,
    /// The least payload of a frame, where the operator says it.
    pub frame_bytes: Option<NonZeroU64>,
    /// Whether requests run together, as rows of a batch; else each runs alone, as it came.
    pub batching: bool,
    /// Whether a model whose rows depend on each other is refused.
    pub check_batching: bool,
    /// Whether workers look for a faster setting of the model.
    pub optimize: bool,
    /// Empty where nothing is declared.
    pub inputs: Vec<DeclaredInput>,
    /// How rows of different lengths come to run together; `None` where they do not.
    pub pad: Option<Pad>,
    /// How an image becomes a tensor; `None` where none is taken.
    pub preprocess: Option<Preprocess>,
    /// What its classes are called.
    pub labels: Option<Labels>,
    /// Whether the scores of classes are made probabilities.
    pub softmax: bool,
    /// Whether what a crashed worker had not answered runs again.
    pub retry_on_crash: bool,
    /// How long a request that ended a worker is refused; zero: not at all.
    pub poison_ttl: Duration,
    /// Restarts within `restart_window` past which a version is degraded.
    pub restart_limit: NonZeroU32,
    pub restart_window: Duration,
    /// Resident bytes past which a worker is replaced.
    pub max_worker_rss: Option<NonZeroU64>,
    /// Age past which a worker is replaced.
    pub max_worker_age: Option<Duration>,
    /// The header, in lower case, whose equal values go to the same version while there is a canary.
    pub sticky_header: Option<String>,
    /// What each worker is to be; at least one.
    pub workers: Vec<WorkerConfig>,
    /// What they are given, from which another number of them gets its share.
    pub workers_plan: WorkersPlan,
}

impl ModelConfig {
    /// What each worker is to be where there are `count`; else why there cannot be so many.
    pub fn workers_for(
        &self,
        count: NonZeroU32,
        machine: &Machine,
    ) -> Result<Vec<WorkerConfig>, String> {
        self.workers_plan.share(count, machine)
    }
}

/// Reads the table of one model. `None` where there is no file to serve, which has been told.
pub(super) fn read(
    mut section: Section<'_>,
    name: ModelName,
    place: Place<'_>,
    machine: &Machine,
) -> Option<ModelConfig> {
    let path = path(&mut section, place);
    let file = path.clone().unwrap_or_default();
    let config = settings(&mut section, name, (place.directory, file), machine);
    section.finish();
    path.map(|_| config)
}

/// A model of which only the file is told.
pub(super) fn with_defaults(name: ModelName, file: PathBuf, machine: &Machine) -> ModelConfig {
    // An empty table has nothing in it that could be wrong.
    let problems = Problems::default();
    let mut section = Section::new("", Table::new(), &problems);
    settings(&mut section, name, (Path::new(""), file), machine)
}

/// Reads the table of a model whose file is told elsewhere.
pub(super) fn with_settings(
    mut section: Section<'_>,
    name: ModelName,
    file: PathBuf,
    machine: &Machine,
) -> ModelConfig {
    let directory = file.parent().unwrap_or(Path::new("")).to_owned();
    let config = settings(&mut section, name, (&directory, file), machine);
    section.finish();
    config
}

fn path(section: &mut Section<'_>, place: Place<'_>) -> Option<PathBuf> {
    let key = section.key("path");
    let Some(given) = section.text("path", "the path of a TorchScript file") else {
        if section.is_sound(&["path"]) {
            section.problems().missing(&key, "the path of a TorchScript file");
        }
        return None;
    };
    place.model(&given).map_err(|cause| section.problems().conflict(&key, cause)).ok()
}

fn settings(
    section: &mut Section<'_>,
    name: ModelName,
    (directory, path): (&Path, PathBuf),
    machine: &Machine,
) -> ModelConfig {
    let batching = section.flag("batching", true);
    let (workers_plan, workers) = workers::read(section, machine);
    let request_timeout = section.seconds("request_timeout_s", 0.001..=DAY_S, REQUEST_TIMEOUT_S);
    let share = request_timeout.as_secs_f64() / BATCH_TIMEOUTS_PER_REQUEST;
    let batch_timeout_s = share.max(LEAST_BATCH_TIMEOUT_S);
    let config = ModelConfig {
        name,
        path,
        batch_window: section.milliseconds("batch_window_ms", 0.0..=MINUTE_MS, 0.0),
        max_batch_size: max_batch_size(section, batching),
        max_queue_depth: section
            .size("max_queue_depth", MOST_REQUESTS, " of requests")
            .unwrap_or(MAX_QUEUE_DEPTH),
        priority: priority::read(section),
        request_timeout,
        batch_timeout: section.seconds("batch_timeout_s", 0.001..=DAY_S, batch_timeout_s),
        load_timeout: section.seconds("load_timeout_s", 0.001..=DAY_S, LOAD_TIMEOUT_S),
        required: section.flag("required", false),
        frame_bytes: section.size("frame_bytes", memory::MOST_FRAME_BYTES, " of bytes"),
        batching,
        check_batching: section.flag("check_batching", true),
        optimize: optimize(section),
        inputs: inputs::read(section),
        pad: pad::read(section),
        preprocess: preprocess::read(section),
        labels: labels::read(section, directory),
        softmax: section.flag("softmax", false),
        retry_on_crash: section.flag("retry_on_crash", true),
        poison_ttl: section.seconds("poison_ttl_s", 0.0..=DAY_S, POISON_TTL_S),
        restart_limit: section.size("restart_limit", MOST_RESTARTS, "").unwrap_or(RESTART_LIMIT),
        restart_window: section.seconds("restart_window_s", 1.0..=DAY_S, RESTART_WINDOW_S),
        max_worker_rss: section
            .whole("max_worker_rss", MIB..=TIB, " of bytes")
            .and_then(NonZeroU64::new),
        max_worker_age: section.optional_seconds("max_worker_age_s", 1.0..=YEAR_S),
        sticky_header: section.optional("sticky_header", "the name of a header", header_name),
        workers,
        workers_plan,
    };
    check_together(section, &config);
    config
}

fn max_batch_size(section: &mut Section<'_>, batching: bool) -> NonZeroU32 {
    let given = section.size("max_batch_size", MOST_ROWS, " of rows");
    if batching {
        return given.unwrap_or(MAX_BATCH_SIZE);
    }
    if given.is_some_and(|rows| rows != NonZeroU32::MIN) {
        let cause = "batching = false runs each request alone: leave one of the two out";
        section.problems().conflict(&section.key("max_batch_size"), cause);
    }
    NonZeroU32::MIN
}

fn optimize(section: &mut Section<'_>) -> bool {
    let read = |value: &Value| match value.as_str()? {
        "auto" => Some(true),
        "off" => Some(false),
        _ => None,
    };
    section.optional("optimize", "\"auto\" or \"off\"", read).unwrap_or(true)
}

/// A token of RFC 9110, section 5.6.2.
fn header_name(value: &Value) -> Option<String> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let name = value.as_str()?;
    let fits = (1..=LONGEST_HEADER_NAME).contains(&name.len()) && name.bytes().all(is_token);
    fits.then(|| name.to_ascii_lowercase())
}

/// What no setting shows by itself.
fn check_together(section: &Section<'_>, config: &ModelConfig) {
    let problems = section.problems();
    if config.batch_window >= config.request_timeout
        && section.is_sound(&["batch_window_ms", "request_timeout_s"])
    {
        let (window, timeout) = (config.batch_window, config.request_timeout);
        let cause = format!(
            "{window:?} is not shorter than request_timeout_s ({timeout:?}): \
             a lone request would expire before it runs"
        );
        problems.conflict(&section.key("batch_window_ms"), cause);
    }
    if !config.batching && !config.batch_window.is_zero() && section.is_sound(&["batching"]) {
        let cause = "batching = false runs each request alone: there is nothing to wait for";
        problems.conflict(&section.key("batch_window_ms"), cause);
    }
    if let Some(preprocess) = &config.preprocess
        && section.is_sound(&["inputs", "preprocess"])
        && let Err(cause) = preprocess::check(preprocess, &config.inputs)
    {
        problems.conflict(&section.key("preprocess"), cause);
    }
    if let Some(pad) = &config.pad
        && section.is_sound(&["inputs", "pad"])
        && let Err((key, cause)) = pad::check(pad, &config.inputs)
    {
        problems.conflict(&join(&section.key("pad"), key), cause);
    }
    if !config.batching && config.pad.is_some() {
        let cause = "batching = false runs each request alone: there is nothing to pad for";
        problems.conflict(&section.key("pad"), cause);
    }
    if section.is_sound(&["inputs", "pad", "max_batch_size", "frame_bytes"])
        && let Err(cause) = memory::check_frames(config)
    {
        problems.conflict(&section.key("inputs"), cause);
    }
}
