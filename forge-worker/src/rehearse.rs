//! Runs on made-up inputs before anything is served: whether the rows of a batch are apart, the
//! fastest setting, and then until times are steady.

use forge_ipc::{Rehearsal, Setting, TensorMeta};

use crate::collected::{Collected, Difference, difference};
use crate::sample::Sample;
use crate::warm::warm;
use crate::{Chosen, Engine, EngineError};

const ESCAPES: &str = "Set batching = false to run each request alone, or check_batching = false \
                       if this is meant";

/// Does what the router asked.
///
/// # Errors
///
/// [`EngineError::Load`] where the rows of a batch depend on each other, and whatever an engine
/// cannot recover from.
pub(crate) fn rehearse<E: Engine>(
    engine: &mut E,
    asked: &Rehearsal,
) -> Result<Chosen, EngineError> {
    engine.remember()?;
    if asked.check_rows
        && let Some(metas) = asked.batches.first()
    {
        check_rows(engine, metas)?;
    }
    let chosen = match &asked.setting {
        Setting::Fastest => engine.optimize(&asked.batches)?,
        Setting::Plain => {
            Chosen { name: String::new(), told: "plain, as its config says".to_owned() }
        }
        Setting::Chosen(name) => {
            engine.take(name)?;
            // A setting may have replaced the model, whose state is what counts.
            engine.remember()?;
            Chosen { name: name.clone(), told: format!("{name}, as another worker found") }
        }
    };
    warm(engine, &asked.batches)?;
    engine.restore()?;
    Ok(chosen)
}

/// Runs two rows together and each alone. A model that refuses these inputs is none to judge: the
/// runs that follow show what it takes.
fn check_rows<E: Engine>(engine: &mut E, metas: &[TensorMeta]) -> Result<(), EngineError> {
    let two = |meta: &TensorMeta| {
        let shape = meta.shape.row()?.with_rows(2)?;
        Some(TensorMeta { dtype: meta.dtype, shape })
    };
    let Some(both) = metas.iter().map(two).collect::<Option<Vec<_>>>() else { return Ok(()) };
    let Some(both) = Sample::new(&both, 1) else { return Ok(()) };
    let Ok(together) = run(engine, &both) else { return Ok(()) };
    for row in 0..2 {
        let Some(sample) = both.row(row) else { return Ok(()) };
        let Ok(alone) = run(engine, &sample) else { return Ok(()) };
        let (Some(of_both), Some(of_one)) = (together.row(row, 2), alone.row(0, 1)) else {
            return not_by_rows(&together, &alone);
        };
        if of_both.shape_differs(&of_one) {
            return Err(EngineError::Load(format!(
                "the rows of a batch depend on each other: the same row is answered with {} where \
                 it runs together with another row and with {} where it runs alone. {ESCAPES}",
                of_both.outline(),
                of_one.outline()
            )));
        }
        if let Some(found) = difference(&of_both, &of_one) {
            let is_random = run(engine, &sample).is_ok_and(|again| {
                again.shape_differs(&alone) || difference(&again, &alone).is_some()
            });
            return Err(EngineError::Load(depends(&found, is_random)));
        }
    }
    Ok(())
}

/// Each run starts from the model's own state.
fn run<E: Engine>(engine: &mut E, sample: &Sample) -> Result<Collected, EngineError> {
    engine.restore()?;
    sample.run(engine)
}

fn depends(found: &Difference, is_random: bool) -> String {
    let Difference { output, left, right } = found;
    let random = match is_random {
        true => " (it also answers the same row alone differently each time: it is random)",
        false => "",
    };
    format!(
        "the rows of a batch depend on each other: for the same row, output {output} is {left:?} \
         where it runs together with another row and {right:?} where it runs alone{random}. {ESCAPES}"
    )
}

/// An output whose first dimension is not the rows; the same both times where it has no rows at all.
fn not_by_rows(together: &Collected, alone: &Collected) -> Result<(), EngineError> {
    let shape = |collected: &Collected, output| {
        collected.meta(output).map_or("nothing".to_owned(), |meta| meta.shape.to_string())
    };
    let has_rows = |collected: &Collected, output, rows: u64| {
        collected.meta(output).is_some_and(|meta| meta.shape.dims().first() == Some(&rows))
    };
    let offender = (0..together.tensors())
        .find(|output| !has_rows(together, *output, 2) || !has_rows(alone, *output, 1));
    let output = offender.unwrap_or_default();
    Err(EngineError::Load(format!(
        "output {output} has shape {} for 2 rows and {} for 1 row, expected rows first. Return one \
         entry per row, or set batching = false to run each request alone",
        shape(together, output),
        shape(alone, output)
    )))
}
