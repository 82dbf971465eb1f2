"""Settings in a real Chromium: an endpoint is tried, kept, used and let go of, and its key shows nowhere."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from kinds import make_kinds
from playwright.sync_api import Page, expect
from window_server import Window, ask, ready, serving

KEY = "key-that-nobody-may-see"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """The address of a model that answers whoever shows the key; its answer is a sentence of the documents."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({"object": "list", "data": [{"id": "scripted", "object": "model"}]})

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            message = {"role": "assistant", "content": "The harbour was dredged to a depth of nine metres [1]."}
            self._answer({"object": "chat.completion", "choices": [{"message": message, "finish_reason": "stop"}]})

        def _answer(self, answer: object) -> None:
            known = self.headers["Authorization"] == f"Bearer {KEY}"
            body = json.dumps(answer if known else {"error": {"message": "wrong key"}}).encode()
            self.send_response(200 if known else 401)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


def window_with(base: Path, backend: str) -> Window:
    settings = {
        "PYTHON_KEYRING_BACKEND": backend,
        "PYTHONPATH": str(Path(__file__).parent),
        "PLAIN_KEYRING": str(base / "keyring.json"),
        "FOOTNOTE_MODEL": "",
    }
    return serving(base, make_kinds(base / "harbour"), settings=settings)


def test_an_endpoint_is_tried_kept_and_used_and_its_key_shows_nowhere(
    tmp_path: Path, page: Page, endpoint: str
) -> None:
    window = window_with(tmp_path, "plain_keyring.PlainKeyring")
    try:
        ready(page, window.url, 6)
        page.get_by_role("button", name="Settings").click()
        settings = page.locator(".stMain")
        settings.get_by_text("A model, at an OpenAI-compatible endpoint").click()
        settings.get_by_role("textbox", name="Address").fill(endpoint)
        settings.get_by_role("textbox", name="Key").fill("wrong")
        settings.get_by_role("button", name="Test").click()
        expect(settings.locator(".stAlert")).to_contain_text("key")
        settings.get_by_role("textbox", name="Key").fill(KEY)
        settings.get_by_role("button", name="Test").click()
        expect(settings.locator(".stAlert")).to_contain_text("It works; scripted answered after")
        settings.get_by_role("button", name="Save").click()
        expect(settings.locator(".stAlert")).to_contain_text("It is kept")
        page.get_by_role("button", name="Back to asking").click()
        expect(page.get_by_text("go to the model at http")).to_be_visible()

        turn = ask(page, "How deep was the harbour dredged?")
        expect(turn).to_contain_text("The harbour was dredged to a depth of nine metres.")
        page.get_by_role("button", name="Settings").click()
        expect(settings.get_by_role("textbox", name="Key")).to_have_value("")
        expect(settings.get_by_placeholder("one is kept; write another to replace it")).to_be_visible()
        assert KEY not in page.content()
        settings.get_by_role("button", name="Go by the environment again").click()
        expect(settings.get_by_text("Nothing leaves this machine.")).to_be_visible()
    finally:
        code, output = window.stop()
    assert KEY not in output
    kept = [path for path in window.data.rglob("*") if path.is_file()]
    assert not any(KEY.encode() in path.read_bytes() for path in kept)
    assert KEY not in (tmp_path / "keyring.json").read_text()
    assert code == 0


@pytest.mark.slow
def test_where_no_keyring_works_the_environment_is_named_and_no_key_is_asked_for(tmp_path: Path, page: Page) -> None:
    window = window_with(tmp_path, "keyring.backends.fail.Keyring")
    try:
        ready(page, window.url, 6)
        page.get_by_role("button", name="Settings").click()
        settings = page.locator(".stMain")
        settings.get_by_text("A model, at an OpenAI-compatible endpoint").click()
        expect(settings).to_contain_text("Set the environment variable OPENAI_API_KEY")
        expect(settings.get_by_role("textbox", name="Key")).to_have_count(0)
        settings.get_by_role("textbox", name="Address").fill("localhost")
        settings.get_by_role("button", name="Test").click()
        expect(settings.locator(".stAlert")).to_contain_text("give a whole address")
    finally:
        window.stop()
