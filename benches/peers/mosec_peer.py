"""mosec: an HTTP server in Rust before Python processes that it sends batches to."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from mosec import Server, Worker

import models
from settings import Settings

SETTINGS = Settings.from_environment()


IS_RAW = len(SETTINGS.shape) > 1
"""Images come and go as bare elements, for which mosec leaves the choice; other tensors as JSON."""


class Model(Worker):
    """One process. JSON is msgspec's, which is faster than mosec's default, json."""

    def __init__(self) -> None:
        self.model = models.load(SETTINGS)
        self.decoder = msgspec.json.Decoder(dict[str, Any])
        self.encoder = msgspec.json.Encoder()

    def deserialize(self, data: bytes) -> np.ndarray:
        if IS_RAW:
            return np.frombuffer(data, dtype=SETTINGS.dtype).reshape(SETTINGS.shape)
        return np.asarray(self.decoder.decode(data)["input"], dtype=SETTINGS.dtype)

    def serialize(self, data: np.ndarray) -> bytes:
        if IS_RAW:
            return data.tobytes()
        return self.encoder.encode({"output": data.tolist()})

    def forward(self, data: models.Rows) -> models.Rows:
        return self.model(data)


if __name__ == "__main__":
    server = Server()
    server.append_worker(Model, num=1, max_batch_size=SETTINGS.max_batch_size, max_wait_time=SETTINGS.wait_ms)
    server.run()
