//! How much longer the slowest answers take while models are swapped.

use std::io;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use forge_benches::load::post;
use forge_benches::{Exchange, Expected, Load, Measured, Pace, Spread, Transport, run};
use forge_tests::{Forge, model_file};

use crate::{IMAGE, resnet, swap};

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(30);

/// Requests a second: about a third of what two CPUs can do.
const IMAGES: f64 = 3.0;
const LIGHT: f64 = 200.0;

/// More than ever wait at those rates.
const IN_FLIGHT: usize = 64;

/// Of the model that is swapped, and of another one beside it.
pub(crate) fn measure() {
    let forge = resnet().real_model("light", "dummy.pt").start();
    let copied = std::fs::copy(model_file("resnet50.pt"), forge.directory().join("other.pt"));
    assert!(copied.is_ok(), "{copied:?}");

    println!(
        "p99 while ResNet-50 is swapped / p99 without (goal 1.2), rounds of {ROUND:?} in turn"
    );
    tell(&forge, "requests to ResNet-50", ("m", IMAGE), IMAGES);
    tell(&forge, "requests to x * 2 beside it", ("light", r#"{"input":[1]}"#), LIGHT);
    println!();
}

fn tell(forge: &Forge, what: &str, (model, body): (&str, &str), per_second: f64) {
    let (mut calm, mut swapping) = ([const { Vec::new() }; 2], [const { Vec::new() }; 2]);
    let mut swaps = Vec::new();
    let load = load(forge, (model, body), per_second);
    for _ in 0..ROUNDS {
        keep(&mut calm, &measured(&load));
        let swapped = thread::scope(|scope| {
            let loading = scope.spawn(|| measured(&load));
            while !loading.is_finished() {
                let file = if swaps.len() % 2 == 0 { "other.pt" } else { "resnet50.pt" };
                swaps.push(swap(forge, file));
            }
            loading.join().unwrap_or_else(|panic| resume_unwind(panic))
        });
        keep(&mut swapping, &swapped);
    }
    let ratios: Vec<f64> =
        swapping[1].iter().zip(&calm[1]).map(|(one, other)| one / other).collect();
    println!("  {what}, {per_second} a second");
    let [median, p99] = calm.map(|figures| Spread::of(&figures));
    println!("    without   median {median} ms  p99 {p99} ms");
    let [median, p99] = swapping.map(|figures| Spread::of(&figures));
    println!("    swapping  median {median} ms  p99 {p99} ms");
    println!(
        "    ratio of p99 {} in {} swaps of {} ms",
        Spread::of(&ratios),
        swaps.len(),
        Spread::of(&swaps)
    );
}

fn load(forge: &Forge, (model, body): (&str, &str), per_second: f64) -> Load {
    let address = forge.address().to_string();
    let path = format!("/v1/{model}/predict");
    let request = post(&address, &path, "Content-Type: application/json\r\n", body.as_bytes());
    Load {
        address,
        transport: Transport::Http1,
        exchanges: Arc::new([Exchange { request, expected: Expected::Anything }]),
        pace: Pace::Open { per_second, in_flight: IN_FLIGHT },
        duration: ROUND,
        timeout: Duration::from_secs(60),
    }
}

/// A request that fails ends the measure.
fn measured(load: &Load) -> Measured {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let measured = runtime
        .and_then(|runtime| runtime.block_on(run(load)).map_err(io::Error::other)?.only_right());
    measured.unwrap_or_else(|error| panic!("{error}"))
}

/// Median and p99, in milliseconds.
fn keep(figures: &mut [Vec<f64>; 2], measured: &Measured) {
    for (share, figures) in [0.5, 0.99].into_iter().zip(figures) {
        figures.push(measured.latency_micros(share) / 1e3);
    }
}
