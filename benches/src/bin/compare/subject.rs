//! What is compared: Forge, its peers, and the limit.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::ValueEnum;
use forge_benches::{Server, binary};

use crate::model::{Model, checkout};
use crate::protocol::Protocol;

/// For how long a peer that needs to be told holds a batch that is not full.
const WAIT_MS: u32 = 2;

/// A server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
#[value(rename_all = "lower")]
pub(crate) enum Subject {
    Forge,
    /// hyper alone, with Forge's parser and writer, computing in process.
    Bare,
    Triton,
    Mosec,
    LitServe,
    /// The Python Forge.
    Original,
}

impl Subject {
    pub(crate) const PEERS: [Self; 4] = [Self::Triton, Self::Mosec, Self::LitServe, Self::Original];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Forge => "Forge",
            Self::Bare => "bare hyper",
            Self::Triton => "Triton",
            Self::Mosec => "mosec",
            Self::LitServe => "LitServe",
            Self::Original => "original Forge",
        }
    }

    /// How it is asked for one row of the model. Tensors of more than one dimension go in bytes
    /// wherever a server takes them.
    pub(crate) fn protocol(self, model: &Model) -> Protocol {
        let is_large = model.shape.len() > 1;
        match self {
            Self::Forge | Self::Bare if is_large => Protocol::V2Binary,
            Self::Triton if is_large => Protocol::V2Binary,
            Self::Triton => Protocol::V2Json,
            Self::Mosec if is_large => Protocol::Elements,
            Self::Forge | Self::Bare | Self::Mosec | Self::LitServe | Self::Original => {
                Protocol::Input
            }
        }
    }

    /// How its answer to that is read: bare hyper returns nothing but the number.
    pub(crate) fn answer_protocol(self, model: &Model) -> Protocol {
        match (self, self.protocol(model)) {
            (Self::Bare, Protocol::V2Binary) => Protocol::Elements,
            (_, protocol) => protocol,
        }
    }

    pub(crate) fn path(self, protocol: Protocol) -> &'static str {
        match (self, protocol) {
            (Self::Mosec, _) => "/inference",
            (Self::LitServe, _) => "/predict",
            (_, Protocol::V2Json | Protocol::V2Binary) => "/v2/models/model/infer",
            _ => "/v1/model/predict",
        }
    }

    /// What it is told, for the table.
    pub(crate) fn settings(self, model: &Model) -> String {
        let batch = model.max_batch_size;
        let threads = if model.built_in.is_some() {
            "NumPy".to_owned()
        } else {
            format!("libtorch, {} thread(s), in its fastest setting", model.threads)
        };
        let protocol = self.protocol(model).name();
        let told = match self {
            Self::Forge => format!(
                "1 worker, num_threads {}, max_batch_size {batch}, inputs declared{}{}",
                model.threads,
                if model.forge_settings.is_empty() { "" } else { ", " },
                model.forge_settings
            ),
            Self::Bare => "1 thread, in process".to_owned(),
            Self::Triton => format!(
                "python backend, 1 instance, max_batch_size {batch}, max_queue_delay_microseconds 0, \
                 {threads}"
            ),
            Self::Mosec => format!(
                "1 worker, max_batch_size {batch}, max_wait_time {WAIT_MS} ms, msgspec, {threads}"
            ),
            Self::LitServe => format!(
                "1 worker, max_batch_size {batch}, batch_timeout {WAIT_MS} ms, fast_queue, {threads}"
            ),
            Self::Original => format!(
                "max_batch_size {batch}, batch_window_ms {WAIT_MS}, uvloop, httptools, libtorch, \
                 {} thread(s), registered inside the server's loop",
                model.threads
            ),
        };
        format!("{protocol}; {told}")
    }

    /// Starts it with the one model; what it says goes into a file of `folder`.
    ///
    /// # Errors
    ///
    /// Where it does not become ready, with the end of what it said.
    pub(crate) fn start(self, model: &Model, folder: &Path) -> io::Result<Server> {
        match self {
            Self::Forge => Forge::of(model).start(folder),
            Self::Bare => start(&mut Command::new(binary("bare")?), &folder.join("bare.log")),
            Self::Triton | Self::Mosec | Self::LitServe | Self::Original => {
                self.start_peer(model, folder)
            }
        }
    }

    fn start_peer(self, model: &Model, folder: &Path) -> io::Result<Server> {
        let python = checkout().join(".peers-env/bin/python");
        if !python.is_file() {
            return Err(io::Error::other(
                "its environment is missing: run scripts/python-env peers",
            ));
        }
        let key = format!("{self:?}").to_lowercase();
        let file = model.file.to_string_lossy();
        let dims =
            |shape: &[i64]| shape.iter().map(ToString::to_string).collect::<Vec<_>>().join("x");
        let mut command = Command::new(python);
        command
            .arg(checkout().join("benches/peers/launch.py"))
            .args([&*key, model.built_in.unwrap_or(&file)])
            .args(["--input", model.input, "--dtype", model.dtype.name()])
            .arg(format!("--shape={}", dims(model.shape)))
            .arg(format!("--output-shape={}", dims(model.output)))
            .arg(format!("--max-batch-size={}", model.max_batch_size))
            .arg(format!("--wait-ms={WAIT_MS}"))
            .arg(format!("--threads={}", model.threads));
        start(&mut command, &folder.join(format!("{key}.log")))
    }
}

/// A Forge in the making, of one model or of as many copies of it.
#[derive(Debug)]
pub(crate) struct Forge<'a> {
    model: &'a Model,
    copies: usize,
}

impl<'a> Forge<'a> {
    /// Called `model`.
    pub(crate) fn of(model: &'a Model) -> Self {
        Self { model, copies: 0 }
    }

    /// Called `model0`, `model1` and so on.
    pub(crate) fn copies(self, copies: usize) -> Self {
        Self { copies, ..self }
    }

    /// As [`Subject::start`].
    pub(crate) fn start(&self, folder: &Path) -> io::Result<Server> {
        let config = folder.join("forge.toml");
        File::create(&config)?.write_all(self.config().as_bytes())?;
        let mut command = Command::new(binary("forge")?);
        command.arg("serve").arg(&config).args(["--port", "0", "--shutdown-grace", "0"]);
        // Not where a Forge that serves on this machine has it.
        command.arg("--socket").arg(folder.join("forge.sock"));
        start(&mut command, &folder.join("forge.log"))
    }

    fn config(&self) -> String {
        match self.copies {
            0 => self.section("model"),
            copies => (0..copies).map(|copy| self.section(&format!("model{copy}"))).collect(),
        }
    }

    fn section(&self, name: &str) -> String {
        let Model { file, input, shape, threads, max_batch_size, device, .. } = self.model;
        format!(
            "[models.{name}]\npath = {file:?}\nnum_threads = {threads}\n\
             max_batch_size = {max_batch_size}\ndevice = {device:?}\n\
             inputs = [{{ name = \"{input}\", dtype = \"{dtype}\", shape = {shape:?} }}]\n{settings}\n",
            dtype = self.model.dtype.name(),
            settings = self.model.forge_settings,
        )
    }
}

fn start(command: &mut Command, log: &PathBuf) -> io::Result<Server> {
    command.stderr(File::create(log)?);
    Server::start_as(command).map_err(|error| {
        let said = std::fs::read_to_string(log).unwrap_or_default();
        let last = said.lines().rev().find(|line| !line.trim().is_empty());
        io::Error::other(format!("{error}: {}", last.unwrap_or("it said nothing")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_copy_has_its_own_section() {
        let model = Model { forge_settings: "optimize = \"off\"", ..Model::double() };
        let config = Forge::of(&model).copies(2).config();
        assert_eq!(config.matches("max_batch_size = 32").count(), 2);
        assert!(config.contains("[models.model1]\n"), "{config}");
        assert!(config.contains("shape = [128] }]\noptimize = \"off\"\n"), "{config}");
    }

    #[test]
    fn images_go_in_bytes_where_that_is_possible() {
        let image = Model::image_mean();
        assert_eq!(Subject::Forge.protocol(&image), Protocol::V2Binary);
        assert_eq!(Subject::LitServe.protocol(&image), Protocol::Input);
        assert_eq!(Subject::Bare.answer_protocol(&image), Protocol::Elements);
    }
}
