//! The model and libtorch alone: the right answers, and how fast they can be made.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::model::Model;
use crate::row::Row;

/// What the loop showed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Looped {
    pub(crate) rows_per_second: f64,
    /// RssAnon of the process.
    pub(crate) own_bytes: f64,
}

/// What the model answers to one row.
pub(crate) fn answer(model: &Model, row: &Row) -> io::Result<Vec<f64>> {
    let mut command = command(model)?;
    command.args(["answer"]).arg(&model.file).args([model.dtype.name(), &batch_of(1, row)]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(&row.bytes())?;
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        return Err(io::Error::other(format!("{} does not run", model.file.display())));
    }
    let elements = output.stdout.as_chunks::<4>().0;
    Ok(elements.iter().map(|element| f64::from(f32::from_le_bytes(*element))).collect())
}

/// Runs batches of so many such rows over and over, in a setting of the worker's.
pub(crate) fn run_loop(
    model: &Model,
    (rows, row): (usize, &Row),
    setting: &str,
    duration: Duration,
) -> io::Result<Looped> {
    let mut command = command(model)?;
    command.arg("loop").arg(&model.file).args([model.dtype.name(), &batch_of(rows, row)]);
    command.args([&model.threads.to_string(), setting, &duration.as_secs_f64().to_string()]);
    let output = command.stderr(Stdio::inherit()).output()?;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let number = |name: &str| {
        let line = told.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|rest| rest.trim().parse().ok());
        number.ok_or_else(|| io::Error::other(format!("in_process told no {name}")))
    };
    Ok(Looped { rows_per_second: number("rows_per_second")?, own_bytes: number("own_bytes")? })
}

/// The setting that Forge's worker chose, by what Forge logged.
pub(crate) fn setting_of(log: &Path) -> io::Result<&'static str> {
    let text = std::fs::read_to_string(log)?;
    let told = text.rsplit_once("the model runs ").map_or("", |(_, told)| told);
    Ok(match told {
        _ if told.starts_with("frozen") => "frozen",
        _ if told.starts_with("optimized") => "optimized",
        _ => "plain",
    })
}

fn command(model: &Model) -> io::Result<Command> {
    let program: PathBuf = std::env::current_exe()?.with_file_name("examples/in_process");
    if !program.is_file() || !model.file.is_file() {
        let missing = if program.is_file() { &model.file } else { &program };
        return Err(io::Error::other(format!(
            "{} is missing: benches/compare makes it",
            missing.display()
        )));
    }
    let mut command = Command::new(program);
    // As the router starts its workers.
    command.env("OMP_WAIT_POLICY", "PASSIVE");
    command.env("OMP_NUM_THREADS", model.threads.to_string());
    command.args(["--device", &model.device]);
    Ok(command)
}

fn batch_of(rows: usize, row: &Row) -> String {
    let dims = std::iter::once(&rows).chain(&row.shape);
    dims.map(ToString::to_string).collect::<Vec<_>>().join("x")
}
