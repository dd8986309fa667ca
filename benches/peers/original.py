"""The original Forge, forge-ml-serve 0.2.1.

Its own `forge serve` never answers: it registers models on another event loop than the one uvicorn then starts, so that
the task which makes batches never runs. Here they are registered inside the server's loop; nothing else is changed.
"""

from __future__ import annotations

import torch
import uvicorn
import uvloop
from forge import ModelConfig, ModelRegistry
from forge.server import create_app

import models
from settings import Settings


class Double(torch.nn.Module):
    """The original takes modules only, so NumPy is no choice."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2


class Mean(torch.nn.Module):
    """A list of one number for each image: the original cannot answer a bare number."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image.mean([1, 2, 3]).unsqueeze(1)


def module(settings: Settings) -> torch.nn.Module:
    """What the original runs for these settings."""
    built_in = {"double": Double, "mean": Mean}.get(settings.model)
    return built_in() if built_in else models.torchscript(settings)


async def serve(settings: Settings) -> None:
    """Serves until SIGTERM."""
    registry = ModelRegistry()
    config = ModelConfig(
        batch_window_ms=settings.wait_ms, max_batch_size=settings.max_batch_size, num_threads=settings.threads
    )
    await registry.register("model", module(settings), config)
    app = create_app(registry)
    await uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=settings.port, log_level="warning", access_log=False, http="httptools")
    ).serve()


if __name__ == "__main__":
    uvloop.run(serve(Settings.from_environment()))
