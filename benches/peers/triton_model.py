"""The model of Triton's Python backend; runs in the backend's own process, with the system's Python."""

from __future__ import annotations

import os
import sys

sys.path.extend(os.environ["FORGE_PEER_PACKAGES"].split(":"))

import triton_python_backend_utils as pb_utils  # noqa: E402 - what the backend brings

import models  # noqa: E402
from settings import Settings  # noqa: E402


class TritonPythonModel:
    """Each request holds one row."""

    def initialize(self, _arguments: dict[str, str]) -> None:
        settings = Settings.from_environment()
        self.input, self.model = settings.input, models.load(settings)

    def execute(self, requests: list[pb_utils.InferenceRequest]) -> list[pb_utils.InferenceResponse]:
        rows = [pb_utils.get_input_tensor_by_name(request, self.input).as_numpy()[0] for request in requests]
        answers = (pb_utils.Tensor("output", answer[None]) for answer in self.model(rows))
        return [pb_utils.InferenceResponse([answer]) for answer in answers]
