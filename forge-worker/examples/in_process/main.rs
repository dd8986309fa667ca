//! A model and libtorch in one process, and nothing else: the limit that `benches/compare` measures
//! workers against.
//!
//! ```text
//! in_process --device DEVICE loop   MODEL DTYPE SHAPE THREADS SETTING SECONDS
//! in_process --device DEVICE answer MODEL DTYPE SHAPE
//! ```
//!
//! `SHAPE` is a batch's, such as `8x3x224x224`; `SETTING` is `plain`, `frozen` or `optimized`, as the
//! worker names them; a `DEVICE` is `cpu` or `cuda:0`, to which each batch is brought, and its answer back. `loop` prints forwards a second and the bytes of the process that are its own;
//! `answer` reads a batch's bytes from standard input and writes those of the answer.

#[allow(dead_code, reason = "the worker's own way to libtorch, of which this uses a part")]
#[path = "../../src/torchscript/cuda.rs"]
mod cuda;
#[allow(dead_code, reason = "as above")]
#[path = "../../src/torchscript/failure.rs"]
mod failure;
#[allow(dead_code, reason = "as above")]
#[path = "../../src/torchscript/ffi.rs"]
mod ffi;
#[allow(dead_code, reason = "as above")]
#[path = "../../src/torchscript/libraries.rs"]
mod libraries;
#[allow(dead_code, reason = "as above")]
#[path = "../../src/torchscript/raw.rs"]
mod raw;

use std::env;
use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use tch::{Device, Kind, Tensor};

use ffi::{GivenArgument, Model, Variant};

const USAGE: &str = "it takes --device DEVICE, and then loop MODEL DTYPE SHAPE THREADS SETTING SECONDS, or answer \
                     MODEL DTYPE SHAPE";

/// Forwards that are not counted: the executor profiles in the first two and optimizes.
const WARM_UP: usize = 3;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("in_process: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<(), String> {
    let ["--device", device, rest @ ..] = arguments else { return Err(USAGE.to_owned()) };
    cuda::open_if_asked();
    let device = cuda::device(device)?;
    match rest {
        ["loop", model, dtype, shape, threads, setting, seconds] => {
            run_loop((model, device), (dtype, shape), threads, setting, seconds)
        }
        ["answer", model, dtype, shape] => answer((model, device), (dtype, shape)),
        _ => Err(USAGE.to_owned()),
    }
}

/// Runs the same batch over and over.
fn run_loop(
    (model, device): (&str, Device),
    (dtype, shape): (&str, &str),
    threads: &str,
    setting: &str,
    seconds: &str,
) -> Result<(), String> {
    tch::set_num_threads(number(threads)?);
    let (kind, dims) = (kind(dtype)?, dims(shape)?);
    let mut model = load(model, device, setting)?;
    let rows = dims.first().copied().unwrap_or_default();
    let elements: i64 = dims.iter().product();
    let batch = Tensor::f_arange(elements, (Kind::Int64, Device::Cpu))
        .and_then(|numbers| numbers.f_remainder(97))
        .and_then(|numbers| numbers.f_add_scalar(1)?.f_reshape(&dims)?.f_to_kind(kind))
        .map_err(|error| error.to_string())?;
    for _ in 0..WARM_UP {
        forward(&mut model, &batch, device)?;
    }
    let end = Instant::now() + Duration::from_secs_f64(number(seconds)?);
    let (begun, mut forwards) = (Instant::now(), 0_u32);
    while Instant::now() < end {
        forward(&mut model, &batch, device)?;
        forwards += 1;
    }
    let forwards_per_second = f64::from(forwards) / begun.elapsed().as_secs_f64();
    println!("rows_per_second {}", forwards_per_second * rows as f64);
    println!("own_bytes {}", own_bytes()?);
    Ok(())
}

fn answer((model, device): (&str, Device), (dtype, shape): (&str, &str)) -> Result<(), String> {
    let (kind, dims) = (kind(dtype)?, dims(shape)?);
    let mut bytes = Vec::new();
    io::stdin().read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    let batch = Tensor::f_from_data_size(&bytes, &dims, kind).map_err(|error| error.to_string())?;
    let outputs = forward(&mut load(model, device, "plain")?, &batch, device)?;
    let [output] = &outputs[..] else {
        return Err(format!("it returns {} tensors, not one", outputs.len()));
    };
    let elements = output.numel();
    let mut values = vec![0.0_f32; elements];
    output
        .f_to_kind(Kind::Float)
        .and_then(|output| output.f_copy_data(&mut values, elements))
        .map_err(|error| error.to_string())?;
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    io::stdout().write_all(&bytes).map_err(|error| error.to_string())
}

fn load(path: &str, device: Device, setting: &str) -> Result<Model, String> {
    let model = Model::load(Path::new(path), device).map_err(|failure| failure.text)?;
    let variant = match setting {
        "plain" => return Ok(model),
        "frozen" => Variant::Frozen,
        "optimized" => Variant::ForInference,
        _ => return Err(format!("there is no setting {setting}")),
    };
    model.variant(variant).map_err(|failure| failure.text)
}

fn forward(model: &mut Model, batch: &Tensor, device: Device) -> Result<Vec<Tensor>, String> {
    // On the CPU it is the same tensor.
    let batch = batch.f_to_device(device).map_err(|error| error.to_string())?;
    let outputs = model.run(&[GivenArgument::Tensor(batch)]).and_then(ffi::Returned::bring_home);
    Ok(outputs.map_err(|failure| failure.text)?.into_leaves())
}

fn kind(dtype: &str) -> Result<Kind, String> {
    match dtype {
        "float32" => Ok(Kind::Float),
        "int64" => Ok(Kind::Int64),
        _ => Err(format!("there is no dtype {dtype} here; it is float32 or int64")),
    }
}

fn dims(shape: &str) -> Result<Vec<i64>, String> {
    shape.split('x').map(number).collect()
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text} is no number"))
}

/// RssAnon, which leaves out libtorch's own pages: every process shares them.
fn own_bytes() -> Result<u64, String> {
    let status = fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kilobytes = line.and_then(|rest| rest.split_whitespace().next()).unwrap_or_default();
    Ok(number::<u64>(kilobytes)? * 1024)
}
