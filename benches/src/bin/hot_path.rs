//! Sends requests through a router that has no sockets, for `scripts/count`, which counts the instructions that they take.
//!
//! ```text
//! hot_path                 names the kinds of requests
//! hot_path KIND ROUNDS     sends so many over each connection of the kind, and prints how many that were
//! ```

#![forbid(unsafe_code)]

use std::io;

use bytes::Bytes;
use forge_benches::load::post;
use forge_router::hot_path::{HotPath, MODEL};

/// Numbers of a request.
const NUMBERS: usize = 128;

/// A request, and how many of it are asked at once.
struct Kind {
    name: &'static str,
    request: fn() -> Bytes,
    connections: usize,
}

const KINDS: [Kind; 4] = [
    Kind { name: "v1_alone", request: v1, connections: 1 },
    Kind { name: "v1_by_16", request: v1, connections: 16 },
    Kind { name: "v2_json_by_16", request: v2_json, connections: 16 },
    Kind { name: "v2_binary_by_16", request: v2_binary, connections: 16 },
];

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, rounds] = arguments.as_slice() else {
        for kind in &KINDS {
            println!("{}", kind.name);
        }
        return Ok(());
    };
    let kind = KINDS.iter().find(|kind| kind.name == name);
    let kind = kind.ok_or_else(|| io::Error::other(format!("there is no kind {name}")))?;
    let rounds: usize = rounds.parse().map_err(io::Error::other)?;
    HotPath::new()?.exchange(&(kind.request)(), kind.connections, rounds)?;
    println!("{}", rounds * kind.connections);
    Ok(())
}

fn v1() -> Bytes {
    let body = format!("{{\"input\": [{}]}}", text());
    request(&format!("/v1/{MODEL}/predict"), "Content-Type: application/json\r\n", body.as_bytes())
}

fn v2_json() -> Bytes {
    let body = format!("{{\"inputs\":[{{{},\"data\":[{}]}}]}}", tensor(), text());
    request(&infer(), "Content-Type: application/json\r\n", body.as_bytes())
}

fn v2_binary() -> Bytes {
    let bytes: Vec<u8> = numbers().flat_map(f32::to_le_bytes).collect();
    let size = format!("\"parameters\":{{\"binary_data_size\":{}}}", bytes.len());
    let output = "\"parameters\":{\"binary_data_output\":true}";
    let head = format!("{{\"inputs\":[{{{},{size}}}],{output}}}", tensor());
    let length = format!("Inference-Header-Content-Length: {}\r\n", head.len());
    request(&infer(), &length, &[head.as_bytes(), &bytes].concat())
}

fn request(path: &str, headers: &str, body: &[u8]) -> Bytes {
    post("localhost:8000", path, headers, body)
}

fn infer() -> String {
    format!("/v2/models/{MODEL}/infer")
}

fn tensor() -> String {
    format!("\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[1,{NUMBERS}]")
}

fn text() -> String {
    numbers().map(|number| number.to_string()).collect::<Vec<_>>().join(",")
}

/// Numbers of up to nine digits, as a model's inputs have.
fn numbers() -> impl Iterator<Item = f32> {
    (0..NUMBERS).map(|place| (place as f32 * 0.731).sin())
}
