//! The small models that are committed.

use std::{fs, path::Path};

use tch::{Device, Kind, Tensor};

use crate::define::{define, define_named_tuple};

/// Name and source of each demo without parameters, as `configs/` serves them.
const DEMOS: [(&str, &str); 3] = [
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
        "text-embedder",
        "
def forward(self, x: Tensor) -> Tensor:
    return x / x.norm(2, [-1], keepdim=True)
",
    ),
];

/// Name and source of each fixture: what a model may do, well or badly.
const FIXTURES: [(&str, &str); 13] = [
    (
        "double",
        "
def forward(self, x: Tensor) -> Tensor:
    return x * 2
",
    ),
    (
        "add",
        "
def forward(self, x: Tensor, y: Tensor) -> Tensor:
    return x + y
",
    ),
    (
        "defaults",
        "
def forward(self, x: Tensor, scale: float = 2.0, bias: Optional[Tensor] = None) -> Tensor:
    scaled = x * scale
    if bias is not None:
        scaled = scaled + bias
    return scaled
",
    ),
    // A default of each kind that Python prints in its own way.
    (
        "literals",
        r"
def forward(self, x: Tensor, count: int = -3, flag: bool = True, word: str = 'it\'s',
            tiny: float = 1e-5, tenth: float = 0.1, hundred: float = 100.0, large: float = 1e300,
            sizes: List[int] = [1, 2]) -> Tensor:
    return x
",
    ),
    (
        "inplace",
        "
def forward(self, x: Tensor) -> Tensor:
    return x.mul_(2)
",
    ),
    (
        "pair",
        "
def forward(self, x: Tensor) -> Tuple[Tensor, Tensor]:
    return x / 2, x * 2
",
    ),
    (
        "dict",
        "
def forward(self, x: Tensor) -> Dict[str, Tensor]:
    return {'low': x / 2, 'high': x * 2}
",
    ),
    (
        "nested",
        "
def forward(self, x: Tensor) -> Tuple[Tensor, Dict[str, List[Tensor]]]:
    return x, {'again': [x * 2, x * 3]}
",
    ),
    (
        "text",
        "
def forward(self, x: Tensor) -> str:
    return 'no tensor'
",
    ),
    // No rows dimension in the output.
    (
        "sum",
        "
def forward(self, x: Tensor) -> Tensor:
    return x.sum()
",
    ),
    (
        "throws",
        "
def forward(self, x: Tensor) -> Tensor:
    assert not bool((x < 0).any()), 'a value is negative'
    return x * 2
",
    ),
    // 2 to the 60 bytes lie past every address space, so that they are refused at once also where
    // the kernel overcommits, and nothing is ever written to them.
    (
        "oom",
        "
def forward(self, x: Tensor) -> Tensor:
    if x.size(0) > 1:
        huge = torch.empty([1152921504606846976], dtype=0)
        return x + huge[:1]
    return x * 2
",
    ),
    // The largest first value of a row is how many times it multiplies two matrices of 256 x 256.
    (
        "slow",
        "
def forward(self, x: Tensor) -> Tensor:
    matrix = torch.eye(256)
    for i in range(int(x[:, 0].max())):
        matrix = torch.mm(matrix, matrix)
    return x * matrix[0, 0] * 2
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
    define(&folder.join(name).with_extension("pt"), source, parameters)
        .map_err(|error| format!("{name}: {error}"))
}
