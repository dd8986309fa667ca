//! `forge serve`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::arguments::Serve;
use super::{DEFAULT_CONFIG, exit, python_program};
use crate::config::{self, Config, Machine, Overrides};
use crate::{logging, runtime, serve, system, worker_binary};

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
    let Some(source) = source(arguments.files) else {
        let usage = format!(
            "forge: nothing to serve: name a config or model files, or put a {DEFAULT_CONFIG} here\n\
             usage: forge serve [CONFIG.toml | MODEL.pt …]\n"
        );
        return exit::say(&usage, exit::USAGE);
    };
    let machine = system::machine();
    let overrides = Overrides {
        host: arguments.host,
        port: arguments.port,
        shutdown_grace: arguments.shutdown_grace,
    };
    let config = match read(&source, &overrides, &machine) {
        Ok(config) => config,
        Err(errors) => return exit::fail(&errors, exit::CONFIG),
    };
    let worker = match arguments.worker.map_or_else(worker_binary::find, Ok) {
        Ok(worker) => worker,
        Err(error) => return exit::fail(&error, exit::FAILED),
    };
    let threads = arguments.threads.unwrap_or_else(|| runtime::threads(machine.cpus()));
    let runtime = match runtime::build(threads, machine.cpus()) {
        Ok(runtime) => runtime,
        Err(error) => return exit::fail(&error, exit::FAILED),
    };
    let served = runtime.block_on(serve::serve(config, worker));
    log.flush();
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::fail(&error, exit::FAILED),
    }
}

/// What is to be served.
enum Source {
    Config(PathBuf),
    Models(Vec<PathBuf>),
}

/// `None` where nothing is named and there is no config here.
fn source(files: Vec<PathBuf>) -> Option<Source> {
    match files.as_slice() {
        [] if Path::new(DEFAULT_CONFIG).is_file() => Some(Source::Config(DEFAULT_CONFIG.into())),
        [] => None,
        [file] if is_config(file) => Some(Source::Config(file.clone())),
        _ => Some(Source::Models(files)),
    }
}

fn is_config(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "toml")
}

fn read(
    source: &Source,
    overrides: &Overrides,
    machine: &Machine,
) -> Result<Config, config::ConfigErrors> {
    match source {
        Source::Config(path) => config::load(path, overrides, machine),
        Source::Models(paths) => config::for_models(paths, overrides, machine),
    }
}
