"""The real window for tests in a browser: the command that serves it, the folder it is open on, and what a person does."""

from __future__ import annotations

import atexit
import http.client
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from playwright.sync_api import Locator, Page, StorageState, expect
from servers import environment, free_port

SEEDS = Path(__file__).parent.parent / "seeds"
FOOTNOTE = Path(sys.executable).with_name("footnote")

expect.set_options(timeout=30_000)

KEY = "a-key-for-tests"
KNOWN: StorageState = {
    "cookies": [
        {
            "name": "footnote_key",
            "value": KEY,
            "domain": "127.0.0.1",
            "path": "/",
            "expires": -1,
            "httpOnly": False,
            "secure": False,
            "sameSite": "Strict",
        }
    ],
    "origins": [],
}
"""What a browser keeps that has been let in before."""


@dataclass
class Window:
    """A folder with its data, and the server on them."""

    folder: Path
    data: Path
    port: int
    environment: dict[str, str]
    process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        command = [str(FOOTNOTE), "chat", str(self.folder), "--port", str(self.port), "--no-browser"]
        self.process = subprocess.Popen(
            command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        until(self._answers, 60)

    def stop(self) -> tuple[int, str]:
        """End it as Ctrl-C does; what it exited with and what it printed."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        output, _ = self.process.communicate(timeout=30)
        return self.process.returncode, output

    def _answers(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"The server ended: {self.process.communicate()[0]}")
        try:
            with urllib.request.urlopen(self.url, timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


def until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def opened_on(
    base: Path, *, documents: dict[str, str], endpoint: str = "", settings: Mapping[str, str] = MappingProxyType({})
) -> Window:
    """The window on the seeds and these documents; its data lies beside them, in `base`."""
    folder = base / "seeds"
    shutil.copytree(SEEDS, folder)
    for name, text in documents.items():
        (folder / name).write_text(text)
    return serving(base, folder, endpoint, settings)


@cache
def shared_models() -> Path:
    """Where the windows of one run of tests keep the model's graph, which takes seconds to build."""
    models = Path(tempfile.mkdtemp(prefix="footnote-models-"))
    atexit.register(shutil.rmtree, models, ignore_errors=True)
    return models


def serving(
    base: Path,
    folder: Path,
    endpoint: str = "",
    settings: Mapping[str, str] = MappingProxyType({}),
    port: int | None = None,
) -> Window:
    """The window on a folder as it is; its data lies in `base`, and `settings` are further variables. Without a port it
    takes a free one."""
    (base / "data").mkdir(exist_ok=True)
    (base / "data" / "models").symlink_to(shared_models())
    ours = {"FOOTNOTE_DATA_DIR": str(base / "data"), "OPENAI_BASE_URL": endpoint, "FOOTNOTE_MODEL": "scripted"}
    variables = environment(**(ours | dict(settings)))
    (base / "data").mkdir(exist_ok=True)
    (base / "data" / "window-key").write_text(KEY)
    window = Window(folder, base / "data", port or free_port(), variables)
    window.start()
    return window


def ask(page: Page, question: str) -> Locator:
    """Ask, wait for the whole answer, and return it."""
    box = page.get_by_placeholder("Ask the documents")
    box.fill(question)
    box.press("Enter")
    turn = page.locator(".turn").last
    expect(turn.get_by_role("heading", name=question)).to_be_visible()
    expect(turn).to_have_attribute("aria-busy", "false")
    return turn


def ready(page: Page, address: str, documents: int) -> None:
    page.goto(address)
    expect(page.get_by_text(f"Can be asked ({documents})")).to_be_visible(timeout=120_000)
    expect(page.get_by_role("button", name="Reindex")).to_be_enabled()


def handshake(window: Window, host: str, origin: str) -> int:
    """The status that a page of `origin` gets when it asks for the window's WebSocket under the name `host`."""
    connection = http.client.HTTPConnection("127.0.0.1", window.port, timeout=10)
    connection.putrequest("GET", "/_stcore/stream", skip_host=True)
    headers = {
        "Host": host,
        "Origin": origin,
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Protocol": "streamlit",
    }
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    try:
        return connection.getresponse().status
    finally:
        connection.close()


def focused(page: Page) -> str:
    """The accessible name of what has the keyboard, through shadow roots."""
    return str(
        page.evaluate(
            "() => { let at = document.activeElement;"
            " while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;"
            " return at?.getAttribute('aria-label') ?? at?.tagName ?? ''; }"
        )
    )
