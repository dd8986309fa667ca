//! What Triton's `config.pbtxt` says of a model, in the keys of a `[models.NAME]` table.
//!
//! Source: Triton's `model_config.proto` and `docs/user_guide/model_configuration.md`.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use toml::{Table, Value as Toml};

use super::text_proto::{self, Message, Value};
use crate::tensor::place_in_name;

/// Nobody writes more by hand.
const LARGEST: u64 = 1 << 20;

/// What is taken of a configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Settings {
    /// Keys of a `[models.NAME]` table.
    pub(super) table: Table,
    /// The place of each of the table's `inputs` among all inputs: Triton gives those of other names than
    /// the arguments have to the arguments in their order.
    pub(super) places: Vec<usize>,
    pub(super) name: Option<String>,
    /// The name of the model's file in the directory of a version.
    pub(super) file: Option<String>,
    /// The versions that may be served, where it names them.
    pub(super) versions: Option<Vec<u64>>,
    /// Fields that are there and change nothing.
    pub(super) unheeded: Vec<String>,
}

/// Reads the file.
///
/// # Errors
/// Why it cannot be read, or what it asks for that Forge would get wrong.
pub(super) fn read(path: &Path) -> Result<Settings, String> {
    let unreadable = |error| format!("cannot be read: {error}");
    let mut text = String::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(LARGEST + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > LARGEST {
        return Err(format!("is larger than {LARGEST} bytes"));
    }
    translate(text_proto::parse(&text)?)
}

fn translate(config: Message) -> Result<Settings, String> {
    let mut settings = Settings::default();
    let mut max_batch_size = Toml::Integer(0);
    let (mut inputs, mut groups) = (Vec::new(), Vec::new());
    for (name, value) in config.0 {
        match (name.as_str(), value) {
            ("name", Value::Text(name)) => settings.name = Some(name).filter(|it| !it.is_empty()),
            ("default_model_filename", Value::Text(name)) => settings.file = Some(name),
            ("platform" | "backend", Value::Text(kind)) => check_kind(&kind)?,
            ("max_batch_size", Value::Word(rows)) => max_batch_size = number(&rows),
            ("input", Value::Message(input)) => inputs.push(input),
            // The model's file tells them.
            ("output", Value::Message(_)) => {}
            ("instance_group", Value::Message(group)) => groups.push(group),
            ("dynamic_batching", Value::Message(batching)) => batch(batching, &mut settings),
            ("version_policy", Value::Message(policy)) => {
                settings.versions = versions(policy)?;
            }
            (name, Value::Message(_)) if FORBIDDEN.contains(&name) => {
                return Err(format!("{name} is not supported"));
            }
            _ => settings.unheeded.push(name),
        }
    }
    match max_batch_size {
        Toml::Integer(0) => put(&mut settings, "batching", Toml::Boolean(false)),
        rows => put(&mut settings, "max_batch_size", rows),
    }
    declare(inputs, &mut settings)?;
    place(groups, &mut settings);
    Ok(settings)
}

/// A model with one of these is another one without it.
const FORBIDDEN: [&str; 2] = ["ensemble_scheduling", "sequence_batching"];

fn check_kind(kind: &str) -> Result<(), String> {
    match kind {
        "" | "pytorch" | "pytorch_libtorch" => Ok(()),
        other => Err(format!("it is for {other:?}, only \"pytorch_libtorch\" can be served")),
    }
}

fn put(settings: &mut Settings, key: &str, value: Toml) {
    settings.table.insert(key.to_owned(), value);
}

/// A number where it is one; else what is written, for the table's reader to refuse.
fn number(word: &str) -> Toml {
    word.parse().map_or_else(|_| Toml::String(word.to_owned()), Toml::Integer)
}

fn batch(batching: Message, settings: &mut Settings) {
    for (name, value) in batching.0 {
        match (name.as_str(), value) {
            ("max_queue_delay_microseconds", Value::Word(delay)) => {
                let window = delay.parse().map_or_else(
                    |_| Toml::String(delay.clone()),
                    |microseconds: u32| Toml::Float(f64::from(microseconds) / 1000.0),
                );
                put(settings, "batch_window_ms", window);
            }
            ("default_queue_policy", Value::Message(policy)) => queue(policy, settings),
            // Batches are as large as they can be.
            ("preferred_batch_size", _) => {}
            _ => settings.unheeded.push(format!("dynamic_batching.{name}")),
        }
    }
}

fn queue(policy: Message, settings: &mut Settings) {
    for (name, value) in policy.0 {
        match (name.as_str(), value) {
            // 0 is no bound, which Forge's queues never are without.
            ("max_queue_size", Value::Word(size)) if size != "0" => {
                put(settings, "max_queue_depth", number(&size));
            }
            ("max_queue_size", _) => {}
            _ => settings.unheeded.push(format!("dynamic_batching.default_queue_policy.{name}")),
        }
    }
}

/// The versions of a policy that names them; the highest is served in any case.
fn versions(policy: Message) -> Result<Option<Vec<u64>>, String> {
    let Some((name, Value::Message(choice))) = policy.0.into_iter().next() else { return Ok(None) };
    if name != "specific" {
        return Ok(None);
    }
    let version = |(_, value)| match value {
        Value::Word(word) => word.parse().map_err(|_| format!("{word:?} is no version's number")),
        _ => Err("version_policy.specific.versions takes numbers".to_owned()),
    };
    choice.0.into_iter().map(version).collect::<Result<_, _>>().map(Some)
}

/// The tensors among the inputs; strings cannot be declared and need not be.
fn declare(inputs: Vec<Message>, settings: &mut Settings) -> Result<(), String> {
    let mut tables = Vec::new();
    for (place, input) in inputs.into_iter().enumerate() {
        let mut table = Table::new();
        let mut shape = Vec::new();
        let mut is_text = false;
        for (field, value) in input.0 {
            match (field.as_str(), value) {
                ("name", Value::Text(name)) => {
                    settings.places.push(place_in_name(&name).unwrap_or(place));
                    table.insert("name".to_owned(), Toml::String(name));
                }
                ("data_type", Value::Word(kind)) if kind == "TYPE_STRING" => is_text = true,
                ("data_type", Value::Word(kind)) => {
                    table.insert("dtype".to_owned(), Toml::String(dtype(&kind)?));
                }
                ("dims", Value::Word(dim)) => shape.push(number(&dim)),
                ("reshape", _) => return Err("input.reshape is not supported".to_owned()),
                _ => settings.unheeded.push(format!("input.{field}")),
            }
        }
        if is_text {
            settings.places.pop();
            continue;
        }
        table.insert("shape".to_owned(), Toml::Array(shape));
        tables.push(Toml::Table(table));
    }
    if !tables.is_empty() {
        put(settings, "inputs", Toml::Array(tables));
    }
    Ok(())
}

/// Torch's name of the type.
fn dtype(kind: &str) -> Result<String, String> {
    let name = match kind {
        "TYPE_BOOL" => "bool",
        "TYPE_UINT8" => "uint8",
        "TYPE_INT8" => "int8",
        "TYPE_INT16" => "int16",
        "TYPE_INT32" => "int32",
        "TYPE_INT64" => "int64",
        "TYPE_FP16" => "float16",
        "TYPE_BF16" => "bfloat16",
        "TYPE_FP32" => "float32",
        "TYPE_FP64" => "float64",
        other => return Err(format!("an input's data_type is {other}, which is not supported")),
    };
    Ok(name.to_owned())
}

/// A worker for each instance.
fn place(groups: Vec<Message>, settings: &mut Settings) {
    let mut devices: Vec<Option<String>> = Vec::new();
    for group in groups {
        let (mut count, mut kind, mut gpus) = (1, String::new(), Vec::new());
        for (name, value) in group.0 {
            match (name.as_str(), value) {
                ("count", Value::Word(number)) => count = number.parse().unwrap_or(0),
                ("kind", Value::Word(word)) => kind = word,
                ("gpus", Value::Word(gpu)) => gpus.push(Some(format!("cuda:{gpu}"))),
                ("name", _) => {}
                _ => settings.unheeded.push(format!("instance_group.{name}")),
            }
        }
        let on = match kind.as_str() {
            "KIND_CPU" => vec![Some("cpu".to_owned())],
            "KIND_GPU" if gpus.is_empty() => vec![Some("cuda".to_owned())],
            _ if gpus.is_empty() => vec![None],
            _ => gpus,
        };
        // More workers than are allowed are refused by their number.
        const MOST: usize = 1024;
        devices.extend(on.into_iter().flat_map(|device| vec![device; count.min(MOST)]));
    }
    if devices.is_empty() {
        return;
    }
    put(settings, "workers", Toml::Integer(devices.len() as i64));
    let named: Option<Vec<Toml>> =
        devices.into_iter().map(|device| device.map(Toml::String)).collect();
    match named {
        Some(named) if named.iter().all(|device| *device == named[0]) => {
            put(settings, "device", named[0].clone());
        }
        Some(named) => put(settings, "devices", Toml::Array(named)),
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(text: &str) -> Result<Settings, String> {
        translate(text_proto::parse(text)?)
    }

    #[test]
    fn what_forge_has_too_is_taken() {
        for (text, toml) in [
            ("max_batch_size: 8", "max_batch_size = 8"),
            ("", "batching = false"),
            (
                "max_batch_size: 8 dynamic_batching { max_queue_delay_microseconds: 500 }",
                "max_batch_size = 8\nbatch_window_ms = 0.5",
            ),
            (
                "max_batch_size: 1 dynamic_batching { default_queue_policy { max_queue_size: 64 } }",
                "max_batch_size = 1\nmax_queue_depth = 64",
            ),
            (
                "max_batch_size: 1 input [ { name: \"INPUT__0\" data_type: TYPE_FP32 dims: [ 3, -1 ] } ]",
                "max_batch_size = 1\ninputs = [{ name = \"INPUT__0\", dtype = \"float32\", shape = [3, -1] }]",
            ),
            (
                "instance_group { count: 2 kind: KIND_CPU }",
                "batching = false\nworkers = 2\ndevice = \"cpu\"",
            ),
            ("instance_group { count: 2 }", "batching = false\nworkers = 2"),
            (
                "instance_group { count: 1 kind: KIND_GPU gpus: [0, 1] }",
                "batching = false\nworkers = 2\ndevices = [\"cuda:0\", \"cuda:1\"]",
            ),
        ] {
            let expected: Table = toml::from_str(toml).unwrap();
            assert_eq!(translated(text).unwrap().table, expected, "{text}");
        }
    }

    #[test]
    fn inputs_keep_their_places_where_one_cannot_be_declared() {
        let text = "input { name: \"text\" data_type: TYPE_STRING dims: 1 } \
                    input { name: \"x\" data_type: TYPE_INT64 dims: 1 } \
                    input { name: \"y__5\" data_type: TYPE_INT64 dims: 1 }";
        assert_eq!(translated(text).unwrap().places, [1, 5]);
    }

    #[test]
    fn names_files_and_versions_are_read() {
        let text = "name: \"m\" platform: \"pytorch_libtorch\" default_model_filename: \"net.pt\" \
                    version_policy: { specific: { versions: [1, 3] } } output { name: \"OUTPUT__0\" }";
        let settings = translated(text).unwrap();
        assert_eq!(settings.name.as_deref(), Some("m"));
        assert_eq!(settings.file.as_deref(), Some("net.pt"));
        assert_eq!(settings.versions, Some(vec![1, 3]));
        assert_eq!(settings.unheeded, [""; 0]);
    }

    #[test]
    fn what_changes_nothing_is_told() {
        let text = "model_warmup { } dynamic_batching { preserve_ordering: true } \
                    input { name: \"x\" data_type: TYPE_FP32 dims: 1 optional: true }";
        let unheeded = ["model_warmup", "dynamic_batching.preserve_ordering", "input.optional"];
        assert_eq!(translated(text).unwrap().unheeded, unheeded);
    }

    #[test]
    fn what_would_be_another_model_is_refused() {
        for (text, told) in [
            ("platform: \"onnxruntime_onnx\"", "only \"pytorch_libtorch\" can be served"),
            ("backend: \"python\"", "only \"pytorch_libtorch\""),
            ("ensemble_scheduling { }", "ensemble_scheduling is not supported"),
            ("input { reshape { shape: [] } }", "input.reshape is not supported"),
            ("input { data_type: TYPE_UINT64 }", "TYPE_UINT64, which is not supported"),
            ("version_policy { specific { versions: x } }", "no version's number"),
        ] {
            let error = translated(text).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
