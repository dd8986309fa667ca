//! Finds the setting a model runs fastest with, among those whose outputs agree with the plain one.
//!
//! Freezing and `optimize_for_inference` usually help a model of convolutions and do little for
//! others; both change the graph, so each is run beside the plain module before it is trusted.

use std::time::{Duration, Instant};

use forge_ipc::TensorMeta;
use forge_worker::{Chosen, Collected, Engine, EngineError, Sample, difference};

use super::TorchScript;
use super::ffi::Variant;

/// A setting may take at most this part of the plain one's time: less gained is noise.
const WORTH_IT: f64 = 0.9;

/// Timed runs of each batch, but for those that take long.
const RUNS: u32 = 5;
const LONG: Duration = Duration::from_millis(500);

/// Nothing more is tried after so long.
const BUDGET: Duration = Duration::from_secs(5);

const PLAIN: &str = "plain";

/// What there is beside the plain module.
const VARIANTS: [(Variant, &str); 2] =
    [(Variant::Frozen, "frozen"), (Variant::ForInference, "optimized for inference")];

/// Leaves the fastest of the settings in `engine`, and says which that is.
pub(super) fn choose(
    engine: &mut TorchScript,
    batches: &[Vec<TensorMeta>],
) -> Result<Chosen, EngineError> {
    let begun = Instant::now();
    let no_memory = || EngineError::OutOfMemory("no memory for made-up inputs".to_owned());
    let samples: Option<Vec<Sample>> =
        batches.iter().zip(1..).map(|(metas, seed)| Sample::new(metas, seed)).collect();
    let samples = match quick(engine, samples.ok_or_else(no_memory)?) {
        Ok(samples) => samples,
        Err(cause) => return Ok(plain(&format!("it does not run on made-up inputs ({cause})"))),
    };
    let unchanged = Trial::of(engine, &samples)?;
    let again = samples.first().map(|sample| sample.run(engine)).transpose()?;
    if !engine.restore()?.is_empty() {
        return Ok(plain("it changes its buffers"));
    }
    if unchanged.outputs.iter().zip(&again).any(|(one, other)| differ(one, other)) {
        return Ok(plain("it answers the same input differently each time"));
    }
    let (mut best, mut name) = (unchanged.times.clone(), PLAIN);
    let mut refused = String::new();
    for (variant, called) in VARIANTS {
        if begun.elapsed() > BUDGET {
            refused.push_str(&format!("; {called} was not tried, as that would take long"));
            continue;
        }
        let Ok(mut model) = engine.model.variant(variant) else { continue };
        model.remember(true)?;
        let before = std::mem::replace(&mut engine.model, model);
        match Trial::of(engine, &samples) {
            Ok(trial) if unchanged.differs_from(&trial) => {
                refused.push_str(&format!("; {called} gives other answers"));
                engine.model = before;
            }
            Ok(trial) if relative(&trial.times, &best) < WORTH_IT => {
                (best, name) = (trial.times, called);
            }
            _ => engine.model = before,
        }
    }
    let share = relative(&best, &unchanged.times) * 100.0;
    let told = match name {
        PLAIN => format!("plain: nothing took less than 90 % of the plain module's time{refused}"),
        _ => format!("{name}, in {share:.0} % of the plain module's time{refused}"),
    };
    Ok(Chosen { name: name.to_owned(), told })
}

/// Makes the setting of that name the one of `engine`; an unknown one, of another build, is left out.
pub(super) fn take(engine: &mut TorchScript, setting: &str) -> Result<(), EngineError> {
    if let Some((variant, _)) = VARIANTS.into_iter().find(|(_, called)| *called == setting) {
        engine.model = engine.model.variant(variant)?;
    }
    Ok(())
}

fn plain(because: &str) -> Chosen {
    Chosen { name: PLAIN.to_owned(), told: format!("plain: {because}") }
}

/// The first of the batches, and those of the others that do not take long: a start must not last
/// minutes for a few per cent.
fn quick(engine: &mut TorchScript, samples: Vec<Sample>) -> Result<Vec<Sample>, EngineError> {
    let mut kept: Vec<Sample> = Vec::with_capacity(samples.len());
    for sample in samples {
        let begun = Instant::now();
        sample.run(engine)?;
        if kept.is_empty() || begun.elapsed() <= LONG {
            kept.push(sample);
        }
    }
    Ok(kept)
}

/// A setting's outputs and times, of each batch.
struct Trial {
    outputs: Vec<Collected>,
    times: Vec<Duration>,
}

impl Trial {
    fn of(engine: &mut TorchScript, samples: &[Sample]) -> Result<Self, EngineError> {
        let mut trial = Self { outputs: Vec::new(), times: Vec::new() };
        for sample in samples {
            trial.times.push(time(engine, sample)?);
            // After those, so that they are the optimized graph's.
            trial.outputs.push(sample.run(engine)?);
        }
        Ok(trial)
    }

    fn differs_from(&self, other: &Self) -> bool {
        std::iter::zip(&self.outputs, &other.outputs).any(|(left, right)| differ(left, right))
    }
}

fn differ(left: &Collected, right: &Collected) -> bool {
    left.shape_differs(right) || difference(left, right).is_some()
}

/// The shortest of some runs. The first two are not counted: the executor profiles in one and
/// optimizes in the next.
fn time(engine: &mut TorchScript, sample: &Sample) -> Result<Duration, EngineError> {
    sample.run(engine)?;
    let mut shortest = Duration::MAX;
    for _ in 0..RUNS {
        let begun = Instant::now();
        sample.run(engine)?;
        shortest = shortest.min(begun.elapsed());
        if shortest * RUNS > LONG {
            break;
        }
    }
    Ok(shortest)
}

/// The mean over the batches of how much of `than` these times are.
fn relative(times: &[Duration], than: &[Duration]) -> f64 {
    let ratio = |(time, than): (&Duration, &Duration)| {
        time.as_secs_f64() / than.as_secs_f64().max(f64::MIN_POSITIVE)
    };
    let ratios = std::iter::zip(times, than).map(ratio);
    ratios.sum::<f64>() / times.len().max(1) as f64
}
