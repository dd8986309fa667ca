//! Everything that can happen to a Forge, in random order and for as long as one likes: `scripts/soak`.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a soak fails by a panic, as tests do")]

mod happenings;
mod life;
mod scene;
mod stages;

use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use forge_tests::Chance;

use scene::{Played, Scene};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((minutes, seed)) = asked(&arguments) else {
        eprintln!("usage: soak MINUTES [SEED]");
        return ExitCode::from(64);
    };
    let end = Instant::now() + Duration::from_secs_f64(minutes * 60.0);
    println!("soak of {minutes} min with seed {seed}");
    // The second seed is another one, and still told by the first.
    let made_up = thread::spawn(move || Scene::new(stages::OF_TEST_MODELS, seed).play_until(end));
    let real = seed.wrapping_add(1);
    let real = thread::spawn(move || Scene::new(stages::OF_LIBTORCH, real).play_until(end));
    let mut verdict = Verdict::FullCounts;
    for (name, outcome) in [("test models", made_up.join()), ("libtorch", real.join())] {
        match outcome {
            Ok(played) => verdict = verdict.max(tell(name, &played)),
            Err(panic) => {
                verdict = Verdict::Failed;
                let words = panic.downcast_ref::<String>().map(String::as_str);
                let words = words.or_else(|| panic.downcast_ref::<&str>().copied());
                println!("{name}: FAILED: {}", words.unwrap_or("a panic without words"));
            }
        }
    }
    println!("verdict: {} (seed {seed})", verdict.words());
    if verdict == Verdict::Failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// The minutes, and the seed.
fn asked(arguments: &[String]) -> Option<(f64, u64)> {
    let (minutes, seed) = match arguments {
        [minutes] => (minutes, Chance::any_seed()),
        [minutes, seed] => (minutes, seed.parse().ok()?),
        _ => return None,
    };
    let minutes = minutes.parse().ok().filter(|minutes| (0.0..1e6).contains(minutes))?;
    Some((minutes, seed))
}

/// The worse one is the greater one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    FullCounts,
    Short,
    Failed,
}

impl Verdict {
    const fn words(self) -> &'static str {
        match self {
            Self::FullCounts => "nothing was lost, full counts reached",
            Self::Short => "nothing was lost, short of the full counts",
            Self::Failed => "FAILED",
        }
    }
}

fn tell(name: &str, Played { told, short }: &Played) -> Verdict {
    println!("{name}: {told}");
    if short.is_empty() {
        println!("{name}: full counts reached");
        return Verdict::FullCounts;
    }
    println!("{name}: short of the full counts: {}", short.join(", "));
    Verdict::Short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict_on(short: &[&str]) -> Verdict {
        let short = short.iter().map(|words| (*words).to_owned()).collect();
        tell("a scene", &Played { told: "all of it".to_owned(), short })
    }

    #[test]
    fn the_verdict_is_that_of_the_worse_scene() {
        let (full, short) = (verdict_on(&[]), verdict_on(&["swaps 3 of 1000"]));
        assert_eq!(full.max(full), Verdict::FullCounts);
        assert_eq!(full.max(short), Verdict::Short);
        assert_eq!(Verdict::Failed.max(full).max(short), Verdict::Failed);
    }

    #[test]
    fn minutes_are_asked_for_and_a_seed_may_be() {
        let asked = |words: &[&str]| {
            asked(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(asked(&["0.5", "7"]), Some((0.5, 7)));
        assert!(asked(&["3"]).is_some_and(|(minutes, _)| minutes == 3.0));
        for wrong in [&[][..], &["--help"], &["-1"], &["inf"], &["1", "x"], &["1", "2", "3"]] {
            assert_eq!(asked(wrong), None, "{wrong:?}");
        }
    }

    /// What a soak is to be by CONTRIBUTING.md, of test models as of real ones.
    #[test]
    fn each_kind_that_fails_counts_by_itself() {
        for happenings in [stages::OF_TEST_MODELS, stages::OF_LIBTORCH].map(|it| (it.happenings)())
        {
            let full = |name: &str| {
                let mut of_name = happenings.iter().filter(|happening| happening.name == name);
                of_name.next().filter(|_| of_name.next().is_none()).map(|happening| happening.full)
            };
            assert_eq!((full("swaps"), full("kills")), (Some(1000), Some(500)));
            let failing = ["missing.model", "/etc/passwd", "empty.bad", "no-model.bad"];
            let others = ["other-rows.bad", "other-inputs.bad", "swaps beside another"];
            for name in failing.iter().chain(&others) {
                assert_eq!(full(name), Some(200), "{name}");
            }
            for name in ["restarts", "scalings", "blamed requests", "swaps of nothing"] {
                assert!(full(name).is_some(), "{name}");
            }
        }
    }
}
