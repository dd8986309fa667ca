//! Runs batches before anything is served until they take the time they will always take:
//! TorchScript watches the first run of a graph and optimizes it in a later one.

use std::time::{Duration, Instant};

use forge_ipc::TensorMeta;

use crate::sample::Sample;
use crate::{Engine, EngineError};

/// The most runs of one batch.
const MOST_RUNS: u32 = 10;

/// Warms `engine` for each of these batches, on made-up inputs. One that fails on them is none to
/// judge here: the probes that follow tell what it takes.
///
/// # Errors
///
/// [`EngineError::DeviceLost`].
pub(crate) fn warm<E: Engine>(
    engine: &mut E,
    batches: &[Vec<TensorMeta>],
) -> Result<(), EngineError> {
    for (metas, seed) in batches.iter().zip(1..) {
        let Some(sample) = Sample::new(metas, seed) else { continue };
        let timed_run = || {
            let begun = Instant::now();
            sample.run(engine).map(|_| begun.elapsed())
        };
        if let Err(lost @ EngineError::DeviceLost(_)) = until_steady(timed_run) {
            return Err(lost);
        }
    }
    Ok(())
}

/// Runs until two successive times agree.
fn until_steady<F>(mut timed_run: impl FnMut() -> Result<Duration, F>) -> Result<(), F> {
    let mut last = None;
    for _ in 0..MOST_RUNS {
        let time = timed_run()?;
        if last.replace(time).is_some_and(|last| agree(last, time)) {
            break;
        }
    }
    Ok(())
}

/// Within 20 % of the longer.
fn agree(one: Duration, other: Duration) -> bool {
    let (short, long) = (one.min(other), one.max(other));
    short * 5 >= long * 4
}

#[cfg(test)]
mod tests {
    use forge_ipc::{BatchView, Dtype, LoadModel, OutputSink, Shape, Signature};

    use super::*;
    use crate::{Description, ModelFile, Stopwatch};

    /// A model that can do nothing but fail.
    struct Failing(fn(String) -> EngineError);

    impl Engine for Failing {
        fn describe() -> Description {
            Description { engine: "failing".to_owned(), capability: "none".to_owned() }
        }

        fn load(_: &ModelFile, _: &LoadModel) -> Result<Self, EngineError> {
            Err(EngineError::Load("this engine is only made".to_owned()))
        }

        fn signature(&self) -> &Signature {
            const { &Signature { arguments: Vec::new(), likely_row: None } }
        }

        fn run(
            &mut self,
            _: &BatchView<'_>,
            _: &mut dyn OutputSink,
            _: &mut Stopwatch,
        ) -> Result<(), EngineError> {
            Err((self.0)("failed".to_owned()))
        }
    }

    #[test]
    fn of_all_failures_only_a_lost_device_is_told() {
        let shape = Shape::new(&[2, 3]).unwrap();
        let batches = [vec![TensorMeta { dtype: Dtype::Float32, shape }]];
        for failure in [EngineError::Threw, EngineError::OutOfMemory, EngineError::OutputShape] {
            warm(&mut Failing(failure), &batches).unwrap();
        }
        let told = warm(&mut Failing(EngineError::DeviceLost), &batches);
        assert!(matches!(told, Err(EngineError::DeviceLost(_))), "{told:?}");
    }

    /// How many runs it takes when they take so many milliseconds, and ever longer after those.
    fn runs(millis: &[u64]) -> usize {
        let mut runs = 0;
        let timed_run = || {
            let time = millis.get(runs).copied().unwrap_or(1 << (runs + 10));
            runs += 1;
            Ok::<_, ()>(Duration::from_millis(time))
        };
        until_steady(timed_run).unwrap();
        runs
    }

    #[test]
    fn runs_go_on_until_two_successive_times_agree_within_a_fifth() {
        for (millis, expected) in [
            (&[100, 100][..], 2),
            (&[100, 80], 2),
            (&[80, 100], 2),
            (&[100, 79, 79], 3),
            (&[900, 300, 100, 90], 4),
            (&[0, 0], 2),
        ] {
            assert_eq!(runs(millis), expected, "{millis:?}");
        }
    }

    #[test]
    fn times_that_never_agree_are_given_up() {
        assert_eq!(runs(&[]), 10);
    }

    #[test]
    fn a_run_that_fails_is_the_last() {
        let mut runs = 0;
        let failing = || {
            runs += 1;
            Err("threw")
        };
        assert_eq!(until_steady(failing), Err("threw"));
        assert_eq!(runs, 1);
    }
}
