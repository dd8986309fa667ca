//! How much longer the slowest answers take while models are swapped.

use std::time::{Duration, Instant};

use forge_benches::{Paced, Spread, quantile};
use forge_tests::{Forge, model_file, until};

use crate::{IMAGE, resnet, swap};

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(30);

/// About a third of what two CPUs can do.
const IMAGES: (f64, u32) = (3.0, 3);
const LIGHT: (f64, u32) = (200.0, 4);

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

fn tell(forge: &Forge, what: &str, (model, body): (&str, &str), pace: (f64, u32)) {
    let (mut calm, mut swapping) = ([const { Vec::new() }; 2], [const { Vec::new() }; 2]);
    let mut swaps = Vec::new();
    for _ in 0..ROUNDS {
        let shares = [0.5, 0.99];
        let load = Paced::start(forge.address(), model, body, pace);
        let end = Instant::now() + ROUND;
        until_then(end);
        let latencies = load.finish();
        shares.iter().zip(&mut calm).for_each(|(share, of)| of.push(quantile(&latencies, *share)));

        let load = Paced::start(forge.address(), model, body, pace);
        let end = Instant::now() + ROUND;
        while Instant::now() < end {
            swaps.push(swap(forge, if swaps.len() % 2 == 0 { "other.pt" } else { "resnet50.pt" }));
        }
        let latencies = load.finish();
        shares
            .iter()
            .zip(&mut swapping)
            .for_each(|(share, of)| of.push(quantile(&latencies, *share)));
    }
    let ratios: Vec<f64> =
        swapping[1].iter().zip(&calm[1]).map(|(one, other)| one / other).collect();
    println!("  {what}, {} a second", pace.0);
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

fn until_then(end: Instant) {
    // The tests' own patience is shorter than a round may be.
    while Instant::now() < end {
        let pause = (Instant::now() + Duration::from_secs(10)).min(end);
        until("the round is over", || Instant::now() >= pause);
    }
}
