//! `forge serve`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tracing::warn;

use super::arguments::Serve;
use super::{DEFAULT_CONFIG, exit, python_program};
use crate::config::{Files, Overrides, Source};
use crate::serve::{self, Steering};
use crate::{logging, runtime, system, worker_binary};

/// Serves until it is asked to end.
pub fn run(arguments: Serve) -> ExitCode {
    let settings = logging::Settings { level: arguments.log_level, format: arguments.log_format };
    let log = match logging::install(settings) {
        Ok(log) => log,
        Err(error) => return exit::fail(&error, exit::FAILED),
    };
    if let [file] = arguments.files.as_slice()
        && python_program::is_python(file)
    {
        return python_program::refuse(file, &system::machine());
    }
    let directory = arguments.directory.named().map(Files::Directory);
    let Some(files) = directory.or_else(|| files(arguments.files)) else {
        let usage = format!(
            "forge: nothing to serve: name a config or model files, or put a {DEFAULT_CONFIG} here\n\
             usage: forge serve [CONFIG.toml | MODEL.pt … | --model-dir DIR]\n"
        );
        return exit::say(&usage, exit::USAGE);
    };
    let overrides = Overrides {
        host: arguments.host,
        port: arguments.port,
        shutdown_grace: arguments.shutdown_grace,
    };
    let source = Source { files, overrides, machine: system::machine() };
    let config = match source.read() {
        Ok(config) => config,
        Err(errors) => return exit::fail(&errors, exit::CONFIG),
    };
    for note in &config.notes {
        warn!("{note}");
    }
    let worker = match arguments.worker.map_or_else(worker_binary::find, Ok) {
        Ok(worker) => worker,
        Err(error) => return exit::fail(&error, exit::FAILED),
    };
    let cpus = source.machine.cpus();
    let threads = arguments.threads.unwrap_or_else(|| runtime::threads(cpus));
    // Threads that come and go leave behind in a heap of their own what only the next of them could use.
    // Where several run the event loop they would wait for each other at one.
    if threads <= 1 && !forge_ipc::share_one_heap() {
        warn!("the C library gives each thread a heap of its own: the router may hold more memory");
    }
    let runtime = match runtime::build(threads, cpus) {
        Ok(runtime) => runtime,
        Err(error) => return exit::fail(&error, exit::FAILED),
    };
    let steering = Steering { source, socket: arguments.socket, log_level: log.level };
    let served = runtime.block_on(serve::serve(config, steering, worker));
    log.lines.flush();
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::fail(&error, exit::FAILED),
    }
}

/// What is to be served; `None` where nothing is named and there is no config here.
fn files(files: Vec<PathBuf>) -> Option<Files> {
    match files.as_slice() {
        [] if Path::new(DEFAULT_CONFIG).is_file() => Some(Files::Config(DEFAULT_CONFIG.into())),
        [] => None,
        [file] if is_config(file) => Some(Files::Config(file.clone())),
        _ => Some(Files::Models(files)),
    }
}

fn is_config(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "toml")
}
