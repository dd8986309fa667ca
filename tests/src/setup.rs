//! What a Forge is to be before it starts.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::geteuid;

use crate::forge::Forge;
use crate::memory_group::MemoryGroup;
use crate::programs::{checkout, model_file, program};
use crate::surroundings::Surroundings;
use crate::temp_dir::TempDir;

/// A config in the making, and the models it names.
#[derive(Debug)]
pub struct Setup {
    dir: TempDir,
    server: String,
    models: String,
    /// Served instead of the config in the making.
    files: Vec<PathBuf>,
    /// Its arguments name what is served.
    names_no_file: bool,
    arguments: Vec<String>,
    worker: &'static str,
    socket: PathBuf,
    shutdown_grace: f64,
    surroundings: Surroundings,
}

impl Setup {
    /// On a free port.
    pub fn new() -> Self {
        Self::on_port(0)
    }

    /// With this port in its config.
    pub fn on_port(port: u16) -> Self {
        let dir = TempDir::new();
        Self {
            socket: dir.path().join("forge.sock"),
            dir,
            server: format!("[server]\nport = {port}\n"),
            models: String::new(),
            files: Vec::new(),
            names_no_file: false,
            arguments: Vec::new(),
            worker: "forge-worker",
            shutdown_grace: 0.0,
            surroundings: Surroundings::default(),
        }
    }

    /// One of the configs that come with Forge, by its path in the checkout, on a free port.
    pub fn of_config(path: &str) -> Self {
        let files = vec![checkout().join(path)];
        Self { files, ..Self::new() }.argument("--port=0")
    }

    /// A config of real models that stands in a file, on a free port.
    pub fn of_written_config(path: &Path) -> Self {
        Self { files: vec![path.to_owned()], ..Self::new() }.argument("--port=0")
    }

    /// Of real models on the command line, without a config.
    pub fn of_files(files: &[&str]) -> Self {
        let files = files.iter().map(|name| model_file(name)).collect();
        Self { files, ..Self::new() }.argument("--port=0")
    }

    /// Of the models in this directory, on a free port.
    pub fn of_directory(directory: &Path) -> Self {
        let directory = format!("--model-dir={}", directory.display());
        Self::of_arguments(&[directory, "--port=0".to_owned()])
    }

    /// Of what these arguments name.
    pub fn of_arguments(arguments: &[String]) -> Self {
        Self { names_no_file: true, arguments: arguments.to_vec(), ..Self::new() }
    }

    /// Adds a line to the config's `[server]`.
    pub fn server(mut self, line: &str) -> Self {
        self.server.push_str(line);
        self.server.push('\n');
        self
    }

    /// Adds a model that behaves as `script` says (see `src/engines`). One Forge serves either such
    /// models or real ones.
    pub fn test_model(mut self, name: &str, script: &str) -> Self {
        self.worker = "forge-test-worker";
        self.dir.write(&format!("{name}.model"), script);
        self.models.push_str(&format!("[models.\"{name}\"]\npath = \"{name}.model\"\n"));
        self
    }

    /// Where its models are, for scripts that name other files there.
    pub fn directory(&self) -> &Path {
        self.dir.path()
    }

    /// Adds a model of one of the committed TorchScript files.
    pub fn real_model(mut self, name: &str, file: &str) -> Self {
        fs::copy(model_file(file), self.dir.path().join(file)).expect("the model's file");
        self.models.push_str(&format!("[models.\"{name}\"]\npath = \"{file}\"\n"));
        self
    }

    /// Adds a line to the config of the model that was added last.
    pub fn with(mut self, line: &str) -> Self {
        self.models.push_str(line);
        self.models.push('\n');
        self
    }

    /// Declares the inputs of the model that was added last, each with a name, a dtype and a shape.
    pub fn with_inputs(self, inputs: &[(&str, &str, &str)]) -> Self {
        let input = |(name, dtype, shape): &(&str, &str, &str)| {
            format!("{{ name = \"{name}\", dtype = \"{dtype}\", shape = {shape} }}")
        };
        let inputs: Vec<String> = inputs.iter().map(input).collect();
        self.with(&format!("inputs = [{}]", inputs.join(", ")))
    }

    /// Adds an argument to the command line.
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Puts its control socket there, in place of its directory.
    pub fn socket_at(mut self, path: &Path) -> Self {
        self.socket = path.to_owned();
        self
    }

    /// Allows the router no more file descriptors than this.
    pub fn open_files(mut self, limit: u32) -> Self {
        self.surroundings.open_files = Some(limit);
        self
    }

    /// Sets how many seconds it still takes predictions once it is asked to end; else none.
    pub fn shutdown_grace(mut self, seconds: f64) -> Self {
        self.shutdown_grace = seconds;
        self
    }

    /// Sets a variable of its environment.
    pub fn environment(mut self, name: &'static str, value: &str) -> Self {
        self.surroundings.environment.push((name, value.to_owned()));
        self
    }

    /// Passes it this socket to listen on, as service managers do.
    pub fn on_socket(mut self, socket: &TcpListener) -> Self {
        self.surroundings.pass(socket);
        self
    }

    /// Makes it process 1 of a container with a read-only root and next to no shared memory.
    pub fn in_a_container(mut self) -> Self {
        self.surroundings.is_container = true;
        self
    }

    /// Runs it in a control group, with all of its workers.
    pub fn in_group(mut self, group: &MemoryGroup) -> Self {
        self.surroundings.group = Some(group.directory().to_owned());
        self
    }

    /// Runs it as a user without privileges, whoever runs the test. Of root's it keeps the right to
    /// read, since the checkout may lie where nobody else can.
    pub fn unprivileged(mut self) -> Self {
        self.surroundings.is_unprivileged = geteuid().is_root();
        self
    }

    /// Starts it and waits until every model is ready.
    pub fn start(self) -> Forge {
        let forge = self.start_loading();
        forge.wait_until_ready();
        forge
    }

    /// Starts it and waits until it listens.
    pub fn start_loading(self) -> Forge {
        let forge = self.spawn();
        forge.wait_until_listening()
    }

    /// Starts it and waits for nothing.
    pub fn spawn(self) -> Forge {
        allow_many_open_files();
        let config = self.dir.write("forge.toml", format!("{}{}", self.server, self.models));
        let files = match (self.names_no_file, self.files.is_empty()) {
            (true, _) => &[][..],
            (_, true) => &[config][..],
            (_, false) => &self.files,
        };
        let Surroundings { is_container, is_unprivileged, .. } = self.surroundings;
        let mut command = self.surroundings.command(&program("forge"));
        command.arg("serve").args(files).args(&self.arguments);
        command.arg(format!("--shutdown-grace={}", self.shutdown_grace));
        command.arg("--worker").arg(program(self.worker));
        if !is_unprivileged && !is_container {
            // As root all of them would want the same; the others may not write here.
            command.arg("--socket").arg(&self.socket);
        }
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().expect("forge starts");
        match is_container {
            true => Forge::in_a_container(child, self.dir, self.socket),
            false => Forge::new(child, self.dir, self.socket),
        }
    }
}

impl Default for Setup {
    fn default() -> Self {
        Self::new()
    }
}

/// Tests open a thousand connections; the soft limit is often 1024.
fn allow_many_open_files() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("the limit of open files");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("the limit of open files");
}
