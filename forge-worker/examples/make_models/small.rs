//! The small models that are committed.

use std::{fs, path::Path};

use tch::{Device, Kind, Tensor};

use crate::define::{Attributes, define, define_named_tuple};
use crate::fixtures::{FIXTURES, STATEFUL};

/// Name and source of each demo without parameters, as `configs/` serves them.
const DEMOS: [(&str, &str); 4] = [
    (
        "dummy",
        "
def forward(self, x: Tensor) -> Tensor:
    return x * 2
",
    ),
    (
        "image-classifier",
        "
def forward(self, x: Tensor) -> Tensor:
    return torch.softmax(x.mean([-1], keepdim=True).expand(-1, 10), -1)
",
    ),
    (
        "colors",
        "
def forward(self, x: Tensor) -> Tensor:
    return torch.softmax(10.0 * x.mean([-1, -2]), -1)
",
    ),
    (
        "text-embedder",
        "
def forward(self, x: Tensor) -> Tensor:
    return x / x.norm(2, [-1], keepdim=True)
",
    ),
];

/// Makes every small model.
pub(crate) fn make(models: &Path, fixtures: &Path) -> Result<(), String> {
    for folder in [models, fixtures] {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    for (name, source) in DEMOS {
        make_one(models, name, source, &[])?;
    }
    make_sentiment(models).map_err(|error| format!("sentiment: {error}"))?;
    for (name, source) in FIXTURES {
        make_one(fixtures, name, source, &[])?;
    }
    for (name, source) in STATEFUL {
        let calls = Tensor::f_zeros([1], (Kind::Float, Device::Cpu));
        let calls = calls.map_err(|error| format!("{name}: {error}"))?;
        let buffers = [("calls".to_owned(), calls)];
        let attributes = Attributes { parameters: &[], buffers: &buffers };
        define(&fixtures.join(name).with_extension("pt"), source, attributes)
            .map_err(|error| format!("{name}: {error}"))?;
    }
    define_named_tuple(&fixtures.join("named-tuple.pt"))
}

/// A multi-layer perceptron 768-256-3: from a sentence's embedding to negative, neutral, positive.
/// Its weights are random.
fn make_sentiment(models: &Path) -> Result<(), String> {
    tch::manual_seed(768);
    let random = |dims: &[i64], fan_in: f64| {
        let weights = Tensor::f_randn(dims, (Kind::Float, Device::Cpu))
            .and_then(|tensor| tensor.f_div_scalar(fan_in.sqrt()));
        weights.map_err(|error| error.to_string())
    };
    let parameters = [
        ("weight1".to_owned(), random(&[256, 768], 768.0)?),
        ("bias1".to_owned(), random(&[256], 768.0)?),
        ("weight2".to_owned(), random(&[3, 256], 256.0)?),
        ("bias2".to_owned(), random(&[3], 256.0)?),
    ];
    let source = "
def forward(self, x: Tensor) -> Tensor:
    hidden = torch.relu(torch.linear(x, self.weight1, self.bias1))
    return torch.softmax(torch.linear(hidden, self.weight2, self.bias2), -1)
";
    make_one(models, "sentiment", source, &parameters)
}

fn make_one(
    folder: &Path,
    name: &str,
    source: &str,
    parameters: &[(String, Tensor)],
) -> Result<(), String> {
    let attributes = Attributes { parameters, buffers: &[] };
    define(&folder.join(name).with_extension("pt"), source, attributes)
        .map_err(|error| format!("{name}: {error}"))
}
