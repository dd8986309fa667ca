//! The models that every server serves.

use std::path::PathBuf;

use crate::row::Dtype;

/// A model and what its rows are.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    /// The TorchScript file that Forge serves.
    pub(crate) file: PathBuf,
    /// What the peers run in its place, where there is something with less cost.
    pub(crate) built_in: Option<&'static str>,
    /// What its argument is called.
    pub(crate) input: &'static str,
    pub(crate) dtype: Dtype,
    /// Of one row; -1 where it varies.
    pub(crate) shape: &'static [i64],
    /// Of the answer to one row.
    pub(crate) output: &'static [i64],
    /// That libtorch computes with, in every server.
    pub(crate) threads: usize,
    pub(crate) max_batch_size: usize,
    /// Of Forge's workers and of libtorch in process.
    pub(crate) device: String,
    /// What else its section of Forge's config says.
    pub(crate) forge_settings: &'static str,
}

impl Model {
    /// `x * 2` on 128 floats: all cost is the server's.
    pub(crate) fn double() -> Self {
        Self {
            file: checkout().join("configs/models/dummy.pt"),
            built_in: Some("double"),
            input: "x",
            dtype: Dtype::Float32,
            shape: &[128],
            output: &[128],
            threads: 1,
            max_batch_size: 32,
            device: "cpu".to_owned(),
            forge_settings: "",
        }
    }

    /// The mean of an image of 602 kB: all cost is in bringing it.
    pub(crate) fn image_mean() -> Self {
        Self {
            file: checkout().join("tests/models/pixel-mean.pt"),
            built_in: Some("mean"),
            input: "image",
            shape: &[3, 224, 224],
            output: &[1],
            ..Self::double()
        }
    }

    /// The multi-layer perceptron 768-256-3.
    pub(crate) fn mlp() -> Self {
        Self {
            file: checkout().join("configs/models/sentiment.pt"),
            built_in: None,
            shape: &[768],
            output: &[3],
            ..Self::double()
        }
    }

    /// all-MiniLM-L6-v2: token ids in, an embedding out.
    pub(crate) fn minilm() -> Self {
        Self {
            file: checkout().join("target/compare/minilm-l6.pt"),
            built_in: None,
            input: "ids",
            dtype: Dtype::Int64,
            shape: &[-1],
            output: &[384],
            threads: all_cpus(),
            max_batch_size: 8,
            device: "cpu".to_owned(),
            // The model takes an id of 0 for padding and needs no mask.
            forge_settings: "pad = { multiple = 16, max_length = 512 }",
        }
    }

    pub(crate) fn resnet50() -> Self {
        Self {
            file: checkout().join("configs/models/resnet50.pt"),
            built_in: None,
            input: "x",
            dtype: Dtype::Float32,
            shape: &[3, 224, 224],
            output: &[1000],
            threads: all_cpus(),
            max_batch_size: 8,
            device: "cpu".to_owned(),
            forge_settings: "",
        }
    }

    /// The same on another device; a GPU is fed with larger batches.
    pub(crate) fn on(mut self, device: &str) -> Self {
        if device != "cpu" {
            self.max_batch_size = 32;
        }
        Self { device: device.to_owned(), ..self }
    }
}

/// The checkout's root: where `benches/compare` starts this, also on a machine to which it was copied.
pub(crate) fn checkout() -> PathBuf {
    std::env::current_dir().unwrap_or_default()
}

fn all_cpus() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
