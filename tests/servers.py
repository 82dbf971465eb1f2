"""Real servers as processes of their own, on free ports of the loopback, and the environment for processes of a test."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import distributed

_SET = ("OPENAI_", "FOOTNOTE_", "STREAMLIT_", "CHROMA_")


def environment(**more: str) -> dict[str, str]:
    """This process's variables without those that Footnote and what it runs on read, and with these."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_SET)} | more


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def chroma(place: Path) -> Iterator[str]:
    """The address of a Chroma server, started as a person would; what it keeps and prints lies in `place`."""
    port = free_port()
    command = [str(Path(sys.executable).with_name("chroma")), "run", "--path", str(place / "kept"), "--port", str(port)]
    with (place / "chroma.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{url}/api/v2/heartbeat", timeout=1).close()
                break
            except OSError:
                assert server.poll() is None, "chroma run ended"
                time.sleep(0.1)
        yield url
    finally:
        server.kill()
        server.wait()


@contextmanager
def forking(script: Path, **more: str) -> Iterator[subprocess.Popen[str]]:
    """A program of the tests that is told line by line what to fork, and has its libraries loaded once for all."""
    tests = Path(__file__).parent
    process = subprocess.Popen(
        [sys.executable, str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(PYTHONPATH=f"{tests.parent}:{tests}", **more),
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


class Machines:
    """A Dask scheduler and the workers that are started for it, as on machines of their own."""

    def __init__(self, place: Path) -> None:
        port = free_port()
        self.address = f"tcp://127.0.0.1:{port}"
        self._place = place
        self._processes: list[subprocess.Popen[bytes]] = []
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")

    def worker(self) -> subprocess.Popen[bytes]:
        """Start a worker, which may use all cores."""
        place = self._place / f"worker-{len(self._processes)}"
        options = ["--nworkers=1", "--nthreads=1", "--no-dashboard", "--no-nanny", f"--local-directory={place}"]
        return self._start("worker", self.address, *options)

    def joined(self, count: int) -> None:
        """Wait until the scheduler answers and so many workers are there."""
        with distributed.Client(self.address, set_as_default=False, timeout=60) as client:
            if count:
                client.wait_for_workers(count, timeout=60)

    def end(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()

    def _start(self, *command: str) -> subprocess.Popen[bytes]:
        self._place.mkdir(exist_ok=True)
        dask = str(Path(sys.executable).with_name("dask"))
        with (self._place / f"log-{len(self._processes)}").open("wb") as log:
            process = subprocess.Popen([dask, *command], stdout=log, stderr=log, cwd=self._place)
        self._processes.append(process)
        return process
