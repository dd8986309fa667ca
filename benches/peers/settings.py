"""What a peer is told by launch.py, through the environment: peers start processes of their own, which must know it too."""

from __future__ import annotations

import os
from dataclasses import dataclass

PREFIX = "FORGE_PEER_"


@dataclass(frozen=True)
class Settings:
    """How one peer serves one model."""

    model: str
    """`double`, `mean`, or a TorchScript file."""
    input: str
    """What protocols with names call the model's input."""
    dtype: str
    """Of the elements of a row, as NumPy calls it."""
    shape: tuple[int, ...]
    """Of one row; -1 where it varies."""
    output_shape: tuple[int, ...]
    """Of the answer to one row."""
    port: int
    max_batch_size: int
    wait_ms: int
    """For how long a batch that is not full is held, where the peer needs to be told."""
    threads: int
    """That libtorch computes with."""

    def environment(self) -> dict[str, str]:
        """The variables from which `from_environment` makes the same settings again."""
        return {PREFIX + name.upper(): _text(value) for name, value in vars(self).items()}

    @classmethod
    def from_environment(cls) -> Settings:
        """What launch.py set; raises KeyError where a peer is started without it."""

        def value(name: str) -> str:
            return os.environ[PREFIX + name.upper()]

        return cls(
            model=value("model"),
            input=value("input"),
            dtype=value("dtype"),
            shape=dims(value("shape")),
            output_shape=dims(value("output_shape")),
            port=int(value("port")),
            max_batch_size=int(value("max_batch_size")),
            wait_ms=int(value("wait_ms")),
            threads=int(value("threads")),
        )


def dims(text: str) -> tuple[int, ...]:
    """`3x224x224` as numbers; nothing is the shape of a single number."""
    return tuple(int(dim) for dim in text.split("x") if dim)


def _text(value: object) -> str:
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)
