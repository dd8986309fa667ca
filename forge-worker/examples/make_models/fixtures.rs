//! The sources of the fixtures of `tests/`.

/// Name and source of each fixture: what a model may do, well or badly.
pub(crate) const FIXTURES: [(&str, &str); 36] = [
    (
        "double",
        "
def forward(self, x: Tensor) -> Tensor:
    return x * 2
",
    ),
    // Tells another version from `double`.
    (
        "triple",
        "
def forward(self, x: Tensor) -> Tensor:
    return x * 3
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
    // Runs on another thread, and several there where the batch is large.
    (
        "forked",
        "
def doubled(self, x: Tensor) -> Tensor:
    return x * 2

def forward(self, x: Tensor) -> Tensor:
    return torch.wait(fork(self.doubled, x))
",
    ),
    (
        "inplace",
        "
def forward(self, x: Tensor) -> Tensor:
    return x.mul_(2)
",
    ),
    // In place, too: what it changes is another view of its input.
    (
        "inplace-view",
        "
def forward(self, x: Tensor) -> Tensor:
    row = x.reshape(-1)[0:1]
    row.mul_(2)
    return x
",
    ),
    // Changes nothing but what is its own, as networks with `ReLU(inplace=True)` do.
    (
        "inplace-own",
        "
def forward(self, x: Tensor) -> Tensor:
    y = x * 2
    return y.relu_()
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
    // TorchScript's source text has no name to raise but this.
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
    (
        "list",
        "
def forward(self, x: Tensor) -> List[Tensor]:
    return [x, x * 2, x * 3]
",
    ),
    (
        "nested-dict",
        "
def forward(self, x: Tensor) -> Dict[str, Dict[str, Tensor]]:
    return {'scaled': {'half': x / 2, 'double': x * 2}, 'plain': {'x': x}}
",
    ),
    // Every kind of argument that is no tensor.
    (
        "arguments",
        "
def forward(self, x: Tensor, count: int, scale: float = 1.0, negate: bool = False,
            mode: str = 'sum', bias: Optional[Tensor] = None, offset: Optional[float] = None,
            weights: List[float] = [], dims: List[int] = [0]) -> Dict[str, Tensor]:
    y = x * float(count) * scale
    if negate:
        y = -y
    if bias is not None:
        y = y + bias
    if offset is not None:
        y = y + offset
    for weight in weights:
        y = y * weight
    if mode == 'ones':
        y = torch.ones_like(y)
    return {'y': y, 'dims': torch.full([x.size(0), len(dims)], float(sum(dims)))}
",
    ),
    // Values that are no tensors, and one label for each row.
    (
        "values",
        "
def forward(self, x: Tensor) -> Tuple[Tensor, str, Optional[int], int, float, bool, List[str]]:
    labels: List[str] = []
    for i in range(x.size(0)):
        if float(x[i].sum()) > 0.0:
            labels.append('positive')
        else:
            labels.append('negative')
    return x, 'unit', None, 3, 0.5, True, labels
",
    ),
    // A list that has nothing to do with rows.
    (
        "sizes",
        "
def forward(self, x: Tensor) -> Tuple[Tensor, List[int]]:
    return x, [7, 7]
",
    ),
    // torch.device, for which there is no JSON.
    (
        "object",
        "
def forward(self, x: Tensor):
    return x, x.device
",
    ),
    // Never ends for a row that begins with a negative number.
    (
        "endless",
        "
def forward(self, x: Tensor) -> Tensor:
    while bool((x < 0).any()):
        x = x - 1
    return x * 2
",
    ),
    // Two inputs whose lengths differ and vary: how often each id occurs, and a sum.
    (
        "free-dims",
        "
def forward(self, ids: Tensor, values: Tensor) -> Tuple[Tensor, Tensor]:
    return ids * 2, values.sum(1)
",
    ),
    // Everything an answer may hold at once: a dict, a list, a string for each row and one for all. The
    // inputs' lengths differ and vary, and two arguments are no tensors.
    (
        "measures",
        "
def forward(self, ids: Tensor, values: Tensor, unit: str = 'm',
            scale: float = 1.0) -> Tuple[Dict[str, Tensor], List[Tensor], List[str], str]:
    sums = values.sum(1)
    signs: List[str] = []
    for i in range(values.size(0)):
        if float(sums[i]) < 0.0:
            signs.append('negative')
        else:
            signs.append('positive')
    return {'twice': ids * 2, 'sums': sums}, [values + 1, values * scale], signs, unit
",
    ),
    // The rows of a batch depend on each other.
    (
        "center",
        "
def forward(self, x: Tensor) -> Tensor:
    return x - x.mean(0, keepdim=True)
",
    ),
    // A sum over the batch, which has as many entries as a row.
    (
        "columns",
        "
def forward(self, x: Tensor) -> Tensor:
    return x.sum(0)
",
    ),
    // A value that all rows of a batch share in.
    (
        "mean",
        "
def forward(self, x: Tensor) -> Tuple[Tensor, float]:
    return x, float(x.mean())
",
    ),
    // One number of an image: all cost is in bringing the image.
    (
        "pixel-mean",
        "
def forward(self, image: Tensor) -> Tensor:
    return image.mean([1, 2, 3])
",
    ),
    // As long as there are rows.
    (
        "wide",
        "
def forward(self, x: Tensor) -> Tensor:
    return x[:, :x.size(0)]
",
    ),
    // As attention under a mask that hides everything: zeros are not taken.
    (
        "masked",
        "
def forward(self, x: Tensor) -> Tensor:
    assert bool((x != 0).any()), 'everything is masked'
    return x * 2
",
    ),
    // As torchvision's detectors: images of any size in, as many boxes as were found out.
    (
        "detector",
        "
def forward(self, images: List[Tensor]) -> List[Dict[str, Tensor]]:
    found: List[Dict[str, Tensor]] = []
    for image in images:
        found.append({'boxes': torch.nonzero(image > 0.5), 'size': torch.tensor(image.size())})
    return found
",
    ),
    // Returns as many bytes for each row as its first number says.
    (
        "large",
        "
def forward(self, x: Tensor) -> Tensor:
    return torch.ones([x.size(0), int(x.max())], dtype=0)
",
    ),
    // As costly and as varied as a small text model: lengths decide the shapes of every operation.
    (
        "lengths",
        "
def forward(self, ids: Tensor) -> Tensor:
    hidden = torch.sin(ids.to(6).unsqueeze(2) * torch.arange(32, dtype=6))
    scores = torch.softmax(torch.matmul(hidden, hidden.transpose(1, 2)), -1)
    return torch.matmul(scores, hidden).mean(1)
",
    ),
    // A small text model: every position looks at all that the mask lets count. Without a mask all do.
    (
        "attention",
        "
def forward(self, ids: Tensor, attention_mask: Optional[Tensor] = None) -> Dict[str, Tensor]:
    hidden = torch.sin(ids.to(6).unsqueeze(2) * torch.arange(1, 9, dtype=6))
    mask = torch.ones_like(ids)
    if attention_mask is not None:
        mask = attention_mask.to(4)
    scores = torch.matmul(hidden, hidden.transpose(1, 2))
    scores = scores.masked_fill(mask.unsqueeze(1) == 0, -1e9)
    positions = torch.matmul(torch.softmax(scores, -1), hidden)
    counted = mask.to(6).unsqueeze(2)
    return {'mean': (positions * counted).sum(1) / counted.sum(1), 'positions': positions}
",
    ),
];

/// Name and source of each fixture with a buffer `calls` of one float.
pub(crate) const STATEFUL: [(&str, &str); 5] = [
    (
        "counter",
        "
def forward(self, x: Tensor) -> Tensor:
    self.calls.add_(1)
    return x * 0 + self.calls
",
    ),
    // Answers with what it was given the time before.
    (
        "keeper",
        "
def forward(self, x: Tensor) -> Tensor:
    before = self.calls
    self.calls = x
    return x * 0 + before
",
    ),
    // The same by way of the memory alone.
    (
        "keeper-of-memory",
        "
def forward(self, x: Tensor) -> Tensor:
    before = self.calls.clone()
    self.calls.set_(x)
    return x * 0 + before
",
    ),
    // Counts only some of its calls.
    (
        "counter-of-large",
        "
def forward(self, x: Tensor) -> Tensor:
    if float(x.max()) > 5.0:
        self.calls.add_(1)
    return x * 0 + self.calls
",
    ),
    // Replaces its buffer instead of changing it.
    (
        "counter-replaced",
        "
def forward(self, x: Tensor) -> Tensor:
    self.calls = self.calls + 1
    return x * 0 + self.calls
",
    ),
];
