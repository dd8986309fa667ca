//! What Forge adds to a bare HTTP server: `x * 2` on 128 floats in JSON, both servers and the load
//! on the same CPUs, in turn within one run.

#![forbid(unsafe_code)]

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use forge_benches::load::post;
use forge_benches::{
    Exchange, Expected, Load, Measured, Pace, Server, Spread, Transport, binary, run,
};

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(3);

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/dummy.toml");
    let config = config.to_string_lossy().into_owned();
    // Not where a Forge that serves on this machine has it.
    let socket = std::env::temp_dir().join(format!("forge-overhead-{}.sock", std::process::id()));
    let socket = socket.to_string_lossy().into_owned();
    let arguments = ["serve", &config, "--port", "0", "--socket", &socket];
    println!(
        "128 floats in JSON, x * 2; median (lowest–highest) of {ROUNDS} rounds of {ROUND:?}\n"
    );

    let mut starts = Vec::new();
    for _ in 0..ROUNDS {
        starts.push(Server::start(&binary("forge")?, &arguments)?.start.as_secs_f64());
    }
    let forge = Server::start(&binary("forge")?, &arguments)?;
    let bare = Server::start(&binary("bare")?, &[])?;
    for connections in [50, 10, 1] {
        compare(&forge, &bare, connections).await?;
    }
    let megabytes = forge.process().own_memory() as f64 / 1e6;
    println!("router memory after that, without the regions: {megabytes:.1} MB (goal 25)");
    println!("start to ready: {} s (goal 1.5)", Spread::of(&starts));
    Ok(())
}

async fn compare(forge: &Server, bare: &Server, connections: usize) -> io::Result<()> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(measure(forge, connections).await?);
        theirs.push(measure(bare, connections).await?);
    }
    let rates = |rounds: &[Measured]| {
        Spread::of(&rounds.iter().map(|round| round.requests_per_second()).collect::<Vec<_>>())
    };
    let latencies = |rounds: &[Measured]| {
        Spread::of(&rounds.iter().map(|round| round.median_latency_micros()).collect::<Vec<_>>())
    };
    let (our_rate, their_rate) = (rates(&ours), rates(&theirs));
    let (our_latency, their_latency) = (latencies(&ours), latencies(&theirs));
    println!("{connections} connections");
    println!("  requests per second  forge {our_rate}  bare {their_rate}");
    println!("                       ratio {:.2}", our_rate.median / their_rate.median);
    println!("  median latency (µs)  forge {our_latency}  bare {their_latency}");
    println!("                       ratio {:.2}\n", our_latency.median / their_latency.median);
    Ok(())
}

async fn measure(server: &Server, connections: usize) -> io::Result<Measured> {
    let numbers: Vec<String> = (0..128).map(|i| format!("{:.6}", f64::from(i) * 0.731)).collect();
    let body = format!("{{\"input\":[{}]}}", numbers.join(","));
    let headers = "Content-Type: application/json\r\n";
    let exchange = Exchange {
        request: post(&server.address, "/v1/dummy/predict", headers, body.as_bytes()),
        expected: Expected::containing(b"\"output\":[0.0,1.462,2.924,"),
    };
    let load = Load {
        address: server.address.clone(),
        transport: Transport::Http1,
        exchanges: Arc::new([exchange]),
        pace: Pace::Closed { connections },
        duration: ROUND,
        timeout: Duration::from_secs(30),
    };
    run(&load).await.map_err(io::Error::other)?.only_right()
}
