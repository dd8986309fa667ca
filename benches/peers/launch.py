"""Starts one peer with one model on a free port, prints `ready http://…` once it answers, and ends it on SIGTERM.

    launch.py original|mosec|litserve|triton MODEL --dtype float32 --shape 128 --output-shape 128 [--max-batch-size 32] …

What the peer says goes to standard error. No process of it is left, whether it ends well or not.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
import types
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from urllib.error import URLError

import triton
from settings import Settings, dims

HERE = Path(__file__).parent

PEERS = {
    "original": ("original.py", "/health"),
    "mosec": ("mosec_peer.py", "/"),
    "litserve": ("litserve_peer.py", "/health"),
    "triton": (None, "/v2/health/ready"),
}
"""The program of each, and what it answers once it is ready."""

START_TIMEOUT_S = 120.0
END_TIMEOUT_S = 15.0


def main() -> int:
    """Exits with 0 after SIGTERM, with 1 where the peer does not start or ends by itself."""
    arguments = _arguments()
    settings = Settings(
        model=arguments.model,
        input=arguments.input,
        dtype=arguments.dtype,
        shape=dims(arguments.shape),
        output_shape=dims(arguments.output_shape),
        port=_free_port(),
        max_batch_size=arguments.max_batch_size,
        wait_ms=arguments.wait_ms,
        threads=arguments.threads,
    )
    signal.signal(signal.SIGTERM, _stop)
    program, ready = PEERS[arguments.peer]
    with ExitStack() as stack:
        try:
            if program is None:
                command, more = stack.enter_context(triton.prepared(settings))
            else:
                command, more = [sys.executable, str(HERE / program)], {}
            # Where several threads wait for work, libgomp's default spins and takes the CPU from the peer's other processes.
            fixed = {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": str(settings.threads)}
            # mosec reads its own arguments here.
            fixed |= {"MOSEC_ADDRESS": "127.0.0.1", "MOSEC_PORT": str(settings.port), "MOSEC_LOG_LEVEL": "warning"}
            environment = os.environ | fixed | settings.environment() | more
            # A group of its own, so that whatever it starts can be ended with it.
            peer = subprocess.Popen(command, env=environment, stdout=sys.stderr, process_group=0)
            stack.callback(_end, peer)
            _wait_until_it_answers(peer, f"http://127.0.0.1:{settings.port}{ready}")
            print(f"ready http://127.0.0.1:{settings.port}", flush=True)
            peer.wait()
            print(f"launch: {arguments.peer} ended by itself with {peer.returncode}", file=sys.stderr)
            return 1
        except _Stopped:
            return 0
        except NotStarted as error:
            print(f"launch: {arguments.peer}: {error}", file=sys.stderr)
            return 1


class NotStarted(Exception):
    """The peer did not answer, and why."""


class _Stopped(Exception):
    """SIGTERM came."""


def _stop(_signal: int, _frame: types.FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise _Stopped


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("model", help="double, mean, or a TorchScript file")
    parser.add_argument("--input", default="x", help="what protocols with names call the model's input")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--shape", required=True, help="of one row, such as 3x224x224; -1 where it varies")
    parser.add_argument("--output-shape", required=True)
    parser.add_argument("--max-batch-size", type=int, default=32)
    parser.add_argument("--wait-ms", type=int, default=2, help="for how long a batch that is not full is held")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _wait_until_it_answers(peer: subprocess.Popen[bytes], url: str) -> None:
    end = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < end:
        if peer.poll() is not None:
            raise NotStarted(f"it ended with {peer.returncode} before it was ready")
        try:
            with urllib.request.urlopen(url, timeout=1.0):
                return
        except (URLError, OSError):
            # Nothing tells when a server of another's begins to listen.
            time.sleep(0.05)
    raise NotStarted(f"{url} did not answer within {START_TIMEOUT_S:.0f} s")


def _end(peer: subprocess.Popen[bytes]) -> None:
    """Asks it, waits, and then ends all that is left of its group."""
    peer.terminate()
    try:
        peer.wait(END_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        print("launch: it did not end when asked to", file=sys.stderr)
    try:
        os.killpg(peer.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    peer.wait()


if __name__ == "__main__":
    sys.exit(main())
