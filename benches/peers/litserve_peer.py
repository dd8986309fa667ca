"""LitServe: FastAPI processes before processes that run the model."""

from __future__ import annotations

import litserve
import numpy as np

import models
from settings import Settings


class Api(litserve.LitAPI):
    """One process that runs the model."""

    def setup(self, device: str) -> None:
        self.settings = Settings.from_environment()
        self.model = models.load(self.settings)

    def decode_request(self, request: dict) -> np.ndarray:
        return np.asarray(request["input"], dtype=self.settings.dtype)

    def batch(self, inputs: models.Rows) -> models.Rows:
        # Their lengths may differ; the model brings them together.
        return inputs

    def unbatch(self, output: models.Rows) -> models.Rows:
        return output

    def predict(self, rows: models.Rows) -> models.Rows:
        return self.model(rows)

    def encode_response(self, output: np.ndarray) -> dict:
        return {"output": output.tolist()}


if __name__ == "__main__":
    settings = Settings.from_environment()
    api = Api(max_batch_size=settings.max_batch_size, batch_timeout=settings.wait_ms / 1000)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1, fast_queue=True)
    server.run(host="127.0.0.1", port=settings.port, num_api_servers=1, generate_client_file=False, log_level="warning")
