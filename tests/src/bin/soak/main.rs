//! Everything that can happen to a Forge, in random order and for as long as one likes: `scripts/soak`.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a soak fails by a panic, as tests do")]

mod happenings;
mod scene;

use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use forge_tests::Chance;

use scene::{Played, Scene};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let minutes = arguments.next().and_then(|minutes| minutes.parse::<f64>().ok());
    let Some(minutes) = minutes.filter(|minutes| (0.0..1e6).contains(minutes)) else {
        eprintln!("usage: soak MINUTES [SEED]");
        return ExitCode::from(64);
    };
    let seed = match arguments.next().map(|seed| seed.parse()) {
        None => Chance::any_seed(),
        Some(Ok(seed)) => seed,
        Some(Err(_)) => {
            eprintln!("usage: soak MINUTES [SEED]");
            return ExitCode::from(64);
        }
    };
    let end = Instant::now() + Duration::from_secs_f64(minutes * 60.0);
    println!("soak of {minutes} min with seed {seed}");
    // The second seed is another one, and still told by the first.
    let made_up = thread::spawn(move || Scene::made_up(seed).play_until(end));
    let real = thread::spawn(move || Scene::real(seed + 1).play_until(end));
    let outcomes = [("test models", made_up.join()), ("libtorch", real.join())];
    let mut is_sound = true;
    for (name, outcome) in outcomes {
        match outcome {
            Ok(Played { told, short }) => {
                println!("{name}: {told}");
                match short.is_empty() {
                    true => println!("{name}: the full counts"),
                    false => println!("{name}: short of the full counts: {}", short.join(", ")),
                }
            }
            Err(panic) => {
                is_sound = false;
                let words = panic.downcast_ref::<String>().map(String::as_str);
                let words = words.or_else(|| panic.downcast_ref::<&str>().copied());
                println!("{name}: FAILED: {}", words.unwrap_or("a panic without words"));
            }
        }
    }
    println!("verdict: {} (seed {seed})", if is_sound { "nothing was lost" } else { "FAILED" });
    if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
