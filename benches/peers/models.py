"""What every peer runs: a function from the rows of a batch to their answers.

Whatever a peer could be slowed down by is left out: trivial models are NumPy's own, without libtorch, and a TorchScript
model runs in the fastest of the settings that Forge's worker also tries.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from settings import Settings

if TYPE_CHECKING:
    import torch

Rows = Sequence[np.ndarray]
Model = Callable[[Rows], Rows]

MULTIPLE = 16
"""Of the lengths of texts that share a batch; to pad all to the longest costs more than batches bring."""

TIMED_RUNS = 5


def load(settings: Settings) -> Model:
    """The model of these settings, ready to run in this process and thread."""
    if settings.model == "double":
        return lambda rows: [row * 2 for row in rows]
    if settings.model == "mean":
        return lambda rows: [row.mean(dtype=np.float32, keepdims=True).reshape(1) for row in rows]
    return _torchscript(settings)


def torchscript(settings: Settings) -> torch.jit.ScriptModule:
    """The module of a file, in the fastest of its settings."""
    import torch

    torch.set_num_threads(settings.threads)
    return _fastest(torch.jit.load(settings.model, map_location="cpu").eval(), _example(settings))


def _torchscript(settings: Settings) -> Model:
    import torch

    module = torchscript(settings)

    def run(rows: Rows) -> Rows:
        answers: dict[int, np.ndarray] = {}
        with torch.inference_mode():
            for places in alike(rows):
                batch = torch.from_numpy(stack([rows[place] for place in places]))
                answers.update(zip(places, module(batch).numpy()))
        return [answers[place] for place in range(len(rows))]

    return run


def alike(rows: Rows) -> list[list[int]]:
    """The places of rows that run together: those whose lengths round up to the same multiple, as in Forge."""
    groups: dict[int, list[int]] = {}
    for place, row in enumerate(rows):
        groups.setdefault(-(-len(row) // MULTIPLE), []).append(place)
    return list(groups.values())


def stack(rows: Rows) -> np.ndarray:
    """One tensor of all rows; shorter ones get zeros at their end, which models of text take for padding."""
    if len({row.shape for row in rows}) == 1:
        return np.stack(rows)
    stacked = np.zeros((len(rows), max(len(row) for row in rows)), dtype=rows[0].dtype)
    for place, row in zip(stacked, rows):
        place[: len(row)] = row
    return stacked


def _example(settings: Settings) -> torch.Tensor:
    import torch

    varying = 32
    shape = [8, *(varying if dim == -1 else dim for dim in settings.shape)]
    return torch.ones(shape, dtype=getattr(torch, settings.dtype))


def _fastest(module: torch.jit.ScriptModule, example: torch.Tensor) -> torch.jit.ScriptModule:
    """As it is, frozen, or rewritten by `optimize_for_inference`."""
    import torch

    # Each makes a module of its own from one that is not frozen yet.
    variants = [module, torch.jit.freeze(module), torch.jit.optimize_for_inference(module)]
    return min(variants, key=lambda variant: _shortest_run(variant, example))


def _shortest_run(module: torch.jit.ScriptModule, example: torch.Tensor) -> float:
    import torch

    times = []
    with torch.inference_mode():
        # The executor profiles in the first two and optimizes.
        for _ in range(2 + TIMED_RUNS):
            began = time.perf_counter()
            module(example)
            times.append(time.perf_counter() - began)
    return min(times[2:])
