//! A config as TOML, with every default: what `forge serve` was told, resolved.

use std::path::Path;
use std::time::Duration;

use toml::{Table, Value};

use super::{
    Admin, Config, DeclaredInput, ModelConfig, Pad, PadValue, Preprocess, Resize, ServerConfig,
    Size, cpus,
};

/// The config as a file would have to say it to leave nothing to a default.
///
/// A key is missing where no value of it says what is the case: `frame_bytes` that follows from the
/// inputs, `cpus` of workers that may run anywhere, `num_threads` that differs between workers, a
/// bound that there is not.
pub fn table(config: &Config) -> Table {
    let models = config.models.iter().map(|it| (it.name.to_string(), model(it).into()));
    Table::from_iter([
        ("server".to_owned(), server(&config.server).into()),
        ("models".to_owned(), models.collect::<Table>().into()),
    ])
}

fn server(config: &ServerConfig) -> Table {
    let (admin, token_file) = match &config.admin {
        Admin::Loopback => ("loopback", None),
        Admin::Token { file } => ("token", Some(path(file))),
        Admin::Off => ("off", None),
    };
    keys([
        ("host", Some(config.address.ip().to_string().into())),
        ("port", Some(i64::from(config.address.port()).into())),
        ("model_root", Some(path(&config.model_root))),
        ("admin", Some(text(admin))),
        ("admin_token_file", token_file),
        ("socket", config.socket.as_deref().map(path)),
        ("parallel_loads", Some(whole(config.parallel_loads.get() as u64))),
        ("max_body_bytes", Some(whole(config.max_body_bytes.get() as u64))),
        ("max_inflight_bytes", Some(whole(config.max_inflight_bytes.get() as u64))),
        ("cors_origins", Some(list(config.cors_origins.iter().map(|it| text(it))))),
        ("access_log", Some(config.access_log.into())),
        ("triton_metrics", Some(config.triton_metrics.into())),
        ("header_timeout_s", Some(seconds(config.header_timeout))),
        ("body_timeout_s", Some(seconds(config.body_timeout))),
        ("shutdown_grace_s", Some(seconds(config.shutdown_grace))),
    ])
}

fn model(config: &ModelConfig) -> Table {
    let inputs = list(config.inputs.iter().map(|it| input(it).into()));
    let optimize = if config.optimize { "auto" } else { "off" };
    let mut table = keys([
        ("path", Some(path(&config.path))),
        ("batch_window_ms", Some(milliseconds(config.batch_window))),
        ("max_batch_size", Some(whole(config.max_batch_size.get().into()))),
        ("max_queue_depth", Some(whole(config.max_queue_depth.get()))),
        ("priority_levels", Some(whole(config.priority.levels.get().into()))),
        ("default_priority_level", Some(whole(config.priority.default_level.get().into()))),
        ("priority_max_wait_ms", Some(milliseconds(config.priority.max_wait))),
        ("request_timeout_s", Some(seconds(config.request_timeout))),
        ("batch_timeout_s", Some(seconds(config.batch_timeout))),
        ("load_timeout_s", Some(seconds(config.load_timeout))),
        ("required", Some(config.required.into())),
        ("frame_bytes", config.frame_bytes.map(|bytes| whole(bytes.get()))),
        ("batching", Some(config.batching.into())),
        ("check_batching", Some(config.check_batching.into())),
        ("optimize", Some(text(optimize))),
        ("retry_on_crash", Some(config.retry_on_crash.into())),
        ("poison_ttl_s", Some(seconds(config.poison_ttl))),
        ("restart_limit", Some(whole(config.restart_limit.get().into()))),
        ("restart_window_s", Some(seconds(config.restart_window))),
        ("max_worker_rss", config.max_worker_rss.map(|bytes| whole(bytes.get()))),
        ("max_worker_age_s", config.max_worker_age.map(seconds)),
        ("sticky_header", config.sticky_header.as_deref().map(text)),
        ("inputs", (!config.inputs.is_empty()).then_some(inputs)),
        ("pad", config.pad.as_ref().map(|it| pad(it).into())),
        ("preprocess", config.preprocess.as_ref().map(|it| preprocess(it).into())),
        ("labels", config.labels.as_ref().map(|labels| path(&labels.path))),
        ("softmax", Some(config.softmax.into())),
    ]);
    table.extend(workers(config));
    table
}

fn workers(config: &ModelConfig) -> Table {
    let plan = &config.workers_plan;
    let (device, devices) = match plan.devices.as_slice() {
        [device] => (Some(device.to_string().into()), None),
        devices => (None, Some(list(devices.iter().map(|it| it.to_string().into())))),
    };
    let mut threads: Vec<u64> = config.workers.iter().map(|it| it.threads.get().into()).collect();
    threads.dedup();
    let threads = if let [threads] = threads[..] { Some(whole(threads)) } else { None };
    keys([
        ("workers", Some(whole(config.workers.len() as u64))),
        ("device", device),
        ("devices", devices),
        ("num_threads", threads),
        ("cpus", (!plan.cpus.is_empty()).then(|| cpus::format(&plan.cpus).into())),
    ])
}

fn input(input: &DeclaredInput) -> Table {
    let dim = |dim: &Option<u64>| dim.map_or(Value::Integer(-1), whole);
    keys([
        ("name", Some(text(&input.name))),
        ("dtype", Some(text(input.dtype.name()))),
        ("shape", Some(list(input.shape.iter().map(dim)))),
    ])
}

fn pad(pad: &Pad) -> Table {
    let value = match pad.value {
        PadValue::Int(number) => Value::Integer(number),
        PadValue::Float(number) => Value::Float(number),
    };
    keys([
        ("dim", Some(whole(pad.dim as u64))),
        ("value", Some(value)),
        ("multiple", Some(whole(pad.multiple.get()))),
        ("max_length", pad.max_length.map(|length| whole(length.get()))),
        ("mask_input", pad.mask_input.as_deref().map(text)),
        ("outputs_dim", pad.outputs_dim.map(|dim| whole(dim as u64))),
    ])
}

fn preprocess(preprocess: &Preprocess) -> Table {
    let numbers = |numbers: [f64; 3]| list(numbers.into_iter().map(Value::Float));
    let size = |size: Size| list([size.height, size.width].into_iter().map(|it| whole(it.into())));
    keys([
        ("input", preprocess.input.as_deref().map(text)),
        (
            "resize",
            preprocess.resize.map(|resize| match resize {
                Resize::ShorterSide(side) => whole(side.into()),
                Resize::Exactly(exactly) => size(exactly),
            }),
        ),
        ("center_crop", preprocess.center_crop.map(size)),
        ("scale", Some(preprocess.scale.into())),
        ("mean", Some(numbers(preprocess.mean))),
        ("std", Some(numbers(preprocess.std))),
        ("layout", Some(text(preprocess.layout.name()))),
        ("color", Some(text(preprocess.color.name()))),
        ("max_pixels", Some(whole(preprocess.max_pixels.get()))),
    ])
}

fn keys<const N: usize>(keys: [(&str, Option<Value>); N]) -> Table {
    keys.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn path(path: &Path) -> Value {
    Value::String(path.to_string_lossy().into_owned())
}

fn list(items: impl Iterator<Item = Value>) -> Value {
    Value::Array(items.collect())
}

/// Every bound of a config is far below what TOML can say.
fn whole(number: u64) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

fn seconds(time: Duration) -> Value {
    time.as_secs_f64().into()
}

fn milliseconds(time: Duration) -> Value {
    (time.as_secs_f64() * 1000.0).into()
}
