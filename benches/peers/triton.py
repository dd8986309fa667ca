"""Triton: the `tritonserver` of the wheel nvidia-pytriton with its Python backend, without PyTriton before it.

The wheel's stub is linked to the system's libpython, so it runs the system's Python and not the environment's:
triton_model.py looks for the environment's packages itself.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from settings import Settings

HERE = Path(__file__).parent
PACKAGES_VARIABLE = "FORGE_PEER_PACKAGES"
"""Where triton_model.py finds NumPy and torch."""

DTYPES = {"float32": "FP32", "int64": "INT64"}

CONFIG = """\
backend: "python"
max_batch_size: {max_batch_size}
input [ {{ name: "{input}" data_type: TYPE_{dtype} dims: [ {dims} ] allow_ragged_batch: {ragged} }} ]
output [ {{ name: "output" data_type: TYPE_FP32 dims: [ {output_dims} ] }} ]
instance_group [ {{ count: 1 kind: KIND_CPU }} ]
dynamic_batching {{ max_queue_delay_microseconds: 0 }}
"""


@contextmanager
def prepared(settings: Settings) -> Iterator[tuple[list[str], dict[str, str]]]:
    """The command line and the environment that serve this model; a folder lives meanwhile."""
    with tempfile.TemporaryDirectory(prefix="forge-triton-") as folder:
        packages = _packages()
        server = packages / "pytriton" / "tritonserver"
        backends = _backends(server, Path(folder))
        _write_repository(Path(folder) / "models", settings)
        command = [
            str(server / "bin" / "tritonserver"),
            f"--model-repository={folder}/models",
            f"--backend-directory={backends}",
            "--http-address=127.0.0.1",
            f"--http-port={settings.port}",
            "--allow-grpc=false",
            "--allow-metrics=false",
            "--log-info=false",
            "--log-warning=false",
        ]
        libraries = [str(packages / "nvidia_pytriton.libs"), os.environ.get("LD_LIBRARY_PATH", "")]
        yield (
            command,
            {
                "LD_LIBRARY_PATH": ":".join(filter(None, libraries)),
                PACKAGES_VARIABLE: f"{packages}:{HERE}",
            },
        )


def _packages() -> Path:
    spec = find_spec("pytriton")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("nvidia-pytriton is not installed here")
    return Path(spec.origin).parent.parent


def _backends(server: Path, folder: Path) -> Path:
    """The Python backend with the stub for this version of Python, which the wheel keeps elsewhere."""
    backend = folder / "backends" / "python"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    shutil.copytree(server / "backends" / "python", backend)
    # Copied and not linked, because the stub finds its libraries from where it lies.
    stub = shutil.copy(server / "python_backend_stubs" / version / "triton_python_backend_stub", backend)
    os.chmod(stub, 0o755)
    return backend.parent


def _write_repository(folder: Path, settings: Settings) -> None:
    version = folder / "model" / "1"
    version.mkdir(parents=True)
    shutil.copy(HERE / "triton_model.py", version / "model.py")
    config = CONFIG.format(
        max_batch_size=settings.max_batch_size,
        input=settings.input,
        dtype=DTYPES[settings.dtype],
        dims=", ".join(map(str, settings.shape)),
        output_dims=", ".join(map(str, settings.output_shape)),
        # Requests of other lengths come in one batch then, and the model pads them.
        ragged=str(-1 in settings.shape).lower(),
    )
    (folder / "model" / "config.pbtxt").write_text(config)
