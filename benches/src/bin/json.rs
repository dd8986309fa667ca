//! What the JSON codec costs, beside serde_json: `cargo run --release -p forge-benches --bin json`.

#![forbid(unsafe_code)]

use std::hint::black_box;
use std::time::Instant;

use forge_router::json::{
    Budget, Declared, DecodeOptions, Limits, decode, decode_infer, write_tensor,
};
use forge_router::tensor::{Dtype, Shape};

fn main() {
    println!("{:<44} {:>10} {:>12} {:>8}", "ns", "forge", "serde_json", "ratio");
    for elements in [128, 150_528] {
        decode_row("9 digits", elements, Dtype::Float32, float_list);
        decode_row("17 digits", elements, Dtype::Float32, double_list);
        decode_row("17 digits", elements, Dtype::Float64, double_list);
        decode_row("token ids", elements, Dtype::Int64, token_list);
        infer_row(elements);
        write_row(elements);
    }
}

struct Undeclared;

impl Declared for Undeclared {
    fn dtype(&self, _: Option<&str>) -> Option<Dtype> {
        None
    }
}

struct Unbounded;

impl Budget for Unbounded {
    fn reserve(&mut self, _: usize) -> bool {
        true
    }
}

fn decode_row(label: &str, elements: usize, dtype: Dtype, list: impl Fn(&[f64]) -> String) {
    let lists = samples(elements).map(|values| list(&values)).collect::<Vec<_>>();
    let bodies = lists.iter().map(|list| format!("{{\"input\": {list}, \"dtype\": \"{dtype}\"}}"));
    let ours = nanos(&bodies.collect::<Vec<_>>(), |body| {
        let limits = Limits::default();
        let options = DecodeOptions { limits, declared: &Undeclared, budget: &mut Unbounded };
        black_box(decode(body.as_bytes(), options)).is_ok()
    });
    let theirs = nanos(&lists, |list| match dtype {
        Dtype::Int64 => black_box(serde_json::from_str::<Vec<i64>>(list)).is_ok(),
        Dtype::Float64 => black_box(serde_json::from_str::<Vec<f64>>(list)).is_ok(),
        _ => black_box(serde_json::from_str::<Vec<f32>>(list)).is_ok(),
    });
    print(&format!("decode {elements} {dtype}, {label}"), ours, theirs);
}

/// The same numbers as `data` of the Open Inference Protocol.
fn infer_row(elements: usize) {
    let lists = samples(elements).map(|values| float_list(&values)).collect::<Vec<_>>();
    let body = |list: &String| {
        format!(
            "{{\"inputs\": [{{\"name\": \"x\", \"shape\": [1, {elements}], \
             \"datatype\": \"FP32\", \"data\": {list}}}]}}"
        )
    };
    let bodies: Vec<String> = lists.iter().map(body).collect();
    let ours =
        nanos(&bodies, |body| black_box(decode_infer(body.as_bytes(), &mut Unbounded)).is_ok());
    let theirs = nanos(&lists, |list| black_box(serde_json::from_str::<Vec<f32>>(list)).is_ok());
    print(&format!("decode {elements} FP32 of V2, 9 digits"), ours, theirs);
}

fn write_row(elements: usize) {
    let Some(shape) = Shape::new(&[elements as u64]) else { return };
    let floats = |values: Vec<f64>| values.iter().map(|value| *value as f32).collect::<Vec<_>>();
    let floats: Vec<Vec<f32>> = samples(elements).map(floats).collect();
    let bytes = floats.iter().map(|values| values.iter().flat_map(|v| v.to_le_bytes()).collect());
    let ours = nanos(&bytes.collect::<Vec<Vec<u8>>>(), |bytes| {
        let mut out = Vec::new();
        write_tensor(&mut out, Dtype::Float32, &shape, bytes);
        !black_box(out).is_empty()
    });
    let theirs = nanos(&floats, |values| {
        let mut out = Vec::new();
        let written = serde_json::to_writer(&mut out, values).is_ok();
        written && !black_box(out).is_empty()
    });
    print(&format!("write {elements} float32"), ours, theirs);
}

fn print(label: &str, ours: f64, theirs: f64) {
    println!("{label:<44} {ours:>10.0} {theirs:>12.0} {:>8.2}", theirs / ours);
}

/// Nanoseconds of `work` on one of `cases`: the least of several means, as the noise of a machine
/// only ever adds.
fn nanos<T>(cases: &[T], mut work: impl FnMut(&T) -> bool) -> f64 {
    const TRIALS: usize = 40;
    let mut trial = || {
        let start = Instant::now();
        let worked = cases.iter().all(|case| work(black_box(case)));
        assert!(worked, "the codec refused its own benchmark");
        start.elapsed().as_nanos() as f64 / cases.len() as f64
    };
    (0..TRIALS).map(|_| trial()).fold(f64::INFINITY, f64::min)
}

/// As many digits as a float32 needs.
fn float_list(values: &[f64]) -> String {
    joined(values.iter().map(|value| format!("{:?}", *value as f32)))
}

/// As many digits as Python writes of a double.
fn double_list(values: &[f64]) -> String {
    joined(values.iter().map(|value| format!("{value:?}")))
}

fn token_list(values: &[f64]) -> String {
    joined(values.iter().map(|value| ((value.abs() * 1e4) as u64).to_string()))
}

fn joined(texts: impl Iterator<Item = String>) -> String {
    format!("[{}]", texts.collect::<Vec<_>>().join(", "))
}

/// Numbers around 0 as of a normalised image, the same in each run. There are so many lists of them
/// that no branch predictor learns them by heart.
fn samples(elements: usize) -> impl Iterator<Item = Vec<f64>> {
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut uniform = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let mut sample = move || (0..4).map(|_| uniform()).sum::<f64>() * 1.7 - 3.4;
    let lists = (300_000 / elements).max(2);
    (0..lists).map(move |_| (0..elements).map(|_| sample()).collect())
}
