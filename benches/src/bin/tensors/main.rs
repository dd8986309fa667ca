//! What it costs to bring a tensor: one image of 3 × 224 × 224 float32 (602 kB) whose mean is answered,
//! by each protocol that takes it, beside a bare HTTP server that receives the same bytes.

#![forbid(unsafe_code)]

mod bodies;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use forge_benches::load::{frame, post};
use forge_benches::{
    Exchange, Expected, Load, Measured, Pace, Server, Spread, Transport, binary, run,
};
use forge_tests::Setup;

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(2);

fn main() -> io::Result<()> {
    let forge = Setup::new().real_model("image", "pixel-mean.pt").start();
    let address = forge.address().to_string();
    let bare = Server::start(&binary("bare")?, &[])?;
    println!(
        "602 kB of float32 -> mean; median (lowest–highest) of {ROUNDS} rounds of {ROUND:?}, both ends \
         on the same CPUs\n"
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for connections in [1, 8] {
        runtime.block_on(compare(&address, &bare, connections))?;
    }
    Ok(())
}

/// Runs all protocols in turn, several rounds.
async fn compare(address: &str, bare: &Server, connections: usize) -> io::Result<()> {
    let binary = |address: &str| http(address, connections, bodies::binary());
    let names =
        ["bare, binary", "forge, V2 binary", "forge, gRPC", "forge, V2 JSON", "forge, /v1 JSON"];
    let mut rounds: [Vec<Measured>; 5] = Default::default();
    for _ in 0..ROUNDS {
        rounds[0].push(measure(&binary(&bare.address)).await?);
        rounds[1].push(measure(&binary(address)).await?);
        rounds[2].push(measure(&grpc(address, connections)).await?);
        rounds[3].push(measure(&http(address, connections, bodies::json())).await?);
        rounds[4].push(measure(&http(address, connections, bodies::original())).await?);
    }
    println!("{connections} connection(s)");
    println!("  {:<18} {:>24} {:>28}", "", "requests per second", "median latency (µs)");
    let mut rates = Vec::new();
    for (name, rounds) in names.iter().zip(&rounds) {
        let of = |figure: fn(&Measured) -> f64| {
            Spread::of(&rounds.iter().map(figure).collect::<Vec<_>>())
        };
        let rate = of(Measured::requests_per_second);
        let latency = of(|round| round.latency_micros(0.5)).to_string();
        println!("  {name:<18} {:>24} {latency:>28}", rate.to_string());
        rates.push(rate.median);
    }
    println!("  binary: {:.2} of bare hyper's throughput", rates[1] / rates[0]);
    println!("  binary: {:.1} x JSON's", rates[1] / rates[3]);
    println!("  gRPC takes {:.2} x what HTTP binary takes (goal 1.3)\n", rates[1] / rates[2]);
    Ok(())
}

fn http(address: &str, connections: usize, body: bodies::Body) -> Load {
    let bodies::Body { path, headers, body, expected } = body;
    let request = post(address, &path, &headers, &body);
    let exchange = Exchange { request, expected: Expected::containing(&expected) };
    load(address, connections, Transport::Http1, exchange)
}

fn grpc(address: &str, connections: usize) -> Load {
    let (message, expected) = bodies::grpc();
    let method = "/inference.GRPCInferenceService/ModelInfer".to_owned();
    let expected = Expected::containing(&expected);
    let exchange = Exchange { request: frame(&message), expected };
    load(address, connections, Transport::Grpc { method }, exchange)
}

fn load(address: &str, connections: usize, transport: Transport, exchange: Exchange) -> Load {
    Load {
        address: address.to_owned(),
        transport,
        exchanges: Arc::new([exchange]),
        pace: Pace::Closed { connections },
        duration: ROUND,
        timeout: Duration::from_secs(30),
    }
}

async fn measure(load: &Load) -> io::Result<Measured> {
    run(load).await.map_err(io::Error::other)?.only_right()
}
