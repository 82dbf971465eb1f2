"""The window in a real Chromium, over the real server and the real command: what a person sees and can do.

Two stand-ins, for what real parts do not do on demand: a model that writes an attack, and a site that counts who calls.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from window_server import KEY, KNOWN, SEEDS, Window, ask, focused, handshake, opened_on, ready, until

QUESTION = "What did Sherman say about troop levels?"
WORDS = "We did not have discussions about American troop levels"


@dataclass
class Canary:
    """A site that a page must never call; `calls` holds what was asked of it."""

    url: str
    calls: list[str] = field(default_factory=list)


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def canary() -> Iterator[Canary]:
    calls: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            calls.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with serving(Handler) as url:
        yield Canary(url, calls)


@pytest.fixture(scope="module")
def attack(canary: Canary) -> str:
    """One line that would call the canary if any of it were taken for Markdown or HTML."""
    at = canary.url
    return f"![a]({at}/md) <img src='{at}/img'> <svg onload=fetch('{at}/svg')> <style>@import '{at}/css'</style>"


@pytest.fixture(scope="module")
def model(attack: str) -> Iterator[str]:
    """The address of a model that quotes the documents, writes the attack, and then never comes to an end."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._json({"object": "list", "data": [{"id": "scripted", "object": "model"}]})

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            said = f"Sherman said that there were no discussions about troop levels [1]. Look at {attack} closely [1]. "
            try:
                for word in said.split(" "):
                    self._delta(word + " ")
                for _ in range(600):
                    self._delta("and so on ")
                    time.sleep(0.1)
            except ConnectionError:
                return  # the answer was stopped, as a test means it to be

        def _delta(self, text: str) -> None:
            choice = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}
            chunk = {
                "id": "1",
                "object": "chat.completion.chunk",
                "created": 1,
                "model": "scripted",
                "choices": [choice],
            }
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
            self.wfile.flush()

        def _json(self, answer: object) -> None:
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with serving(Handler) as url:
        yield url + "/v1"


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory, attack: str) -> Iterator[Window]:
    """The window without a model, on the seeds and a document that holds the attack."""
    window = opened_on(
        tmp_path_factory.mktemp("quoting"),
        documents={"zebra.txt": f"The zebra crossing is marked {attack} in paint.\n"},
    )
    yield window
    window.stop()


def test_a_footnote_opens_its_source_at_the_very_words_and_the_conversation_outlives_reload_and_restart(
    window: Window, page: Page
) -> None:
    called: set[str] = set()
    page.on("request", lambda request: called.add(request.url))
    ready(page, window.url, 2)
    turn = ask(page, QUESTION)
    cited = turn.locator(".sentence", has_text=WORDS)
    cited.get_by_role("button", name="Footnote").click()
    mark = page.locator("mark")
    expect(mark).to_contain_text(WORDS)
    expect(mark).to_be_in_viewport()
    text = next(SEEDS.glob("*.txt")).read_text()
    assert mark.text_content() in text
    with page.expect_download() as download:
        page.get_by_role("button", name="Original").click()
    assert download.value.path().read_text() == text

    answered = turn.text_content()
    page.reload()
    expect(page.locator(".turn")).to_have_text(answered or "")
    code, output = window.stop()
    assert code == 0
    assert "Traceback" not in output
    window.start()
    page.goto(page.url)
    expect(page.locator(".turn")).to_have_text(answered or "")
    local = ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")
    assert [url for url in called if not url.startswith(local)] == []


def test_the_printed_address_lets_a_browser_in_for_good_and_no_other_address_does(
    window: Window, browser: Browser
) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(window.url)
    expect(page.get_by_text("opens with the address that Footnote printed")).to_be_visible()
    expect(page.get_by_text("Sherman")).to_have_count(0)
    expect(page.get_by_placeholder("Ask the documents")).to_have_count(0)
    ready(page, f"{window.url}?key={KEY}", 2)
    until(lambda: any(cookie["value"] == KEY for cookie in context.cookies()), 30)
    assert "key" not in page.url
    ready(page, window.url, 2)
    context.close()


def test_further_sentences_are_offered_under_the_last_answer_and_come_on_a_click(window: Window, page: Page) -> None:
    ready(page, window.url, 2)
    ask(page, QUESTION)
    page.get_by_role("button", name="further sentences come near. Show them").click()
    further = page.locator(".turn").nth(1)
    expect(further.get_by_role("heading", name="more")).to_be_visible()
    expect(further).to_contain_text("will not remove U.S. troops")
    expect(further.get_by_role("button", name="Footnote 1:").first).to_be_visible()


def test_on_a_phone_the_source_covers_the_page_and_the_keyboard_leads_there_and_back(
    window: Window, browser: Browser
) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740}, storage_state=KNOWN)
    page = context.new_page()
    page.goto(window.url)
    turn = ask(page, QUESTION)
    chip = turn.get_by_role("button", name="Footnote 1:").first
    chip.focus()
    page.keyboard.press("Enter")
    mark = page.locator("mark")
    expect(mark).to_be_in_viewport()
    expect(page.get_by_role("button", name="Close", exact=True)).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    pane = page.locator(".st-key-source-pane").bounding_box()
    assert pane is not None
    assert (pane["width"], pane["height"]) == (360, 740)
    page.keyboard.press("Escape")
    expect(mark).to_have_count(0)
    until(lambda: focused(page).startswith("Footnote 1:"), 5)
    context.close()


def test_a_document_that_attacks_is_shown_as_text_and_calls_nobody(
    window: Window, page: Page, attack: str, canary: Canary
) -> None:
    page.goto(window.url)
    turn = ask(page, "How is the zebra crossing marked?")
    expect(turn.locator(".sentence").first).to_contain_text(attack)
    turn.get_by_role("button", name="Footnote 1:").first.click()
    expect(page.locator("mark")).to_contain_text(attack)
    page.wait_for_timeout(500)
    assert canary.calls == []


@pytest.mark.slow
def test_a_model_that_attacks_calls_nobody_while_it_writes_and_after_it_is_stopped(
    tmp_path: Path, page: Page, model: str, attack: str, canary: Canary
) -> None:
    window = opened_on(tmp_path, documents={}, endpoint=model)
    try:
        ready(page, window.url, 1)
        box = page.get_by_placeholder("Ask the documents")
        box.fill(QUESTION)
        box.press("Enter")
        turn = page.locator(".turn")
        expect(turn).to_contain_text(attack)
        expect(turn).to_have_attribute("aria-busy", "true")
        page.wait_for_timeout(500)
        page.get_by_role("button", name="Stop").click()
        expect(page.get_by_text("You stopped this answer.")).to_be_visible()
        expect(turn).to_have_attribute("aria-busy", "false")
        expect(turn.locator(".sentence").first).to_contain_text("no discussions about troop levels")
        stopped = turn.text_content()
        page.reload()
        expect(turn).to_have_text(stopped or "")
        page.wait_for_timeout(500)
        assert canary.calls == []
    finally:
        window.stop()


def test_the_canary_would_have_been_called_had_the_attack_been_markup(page: Page, attack: str, canary: Canary) -> None:
    before = len(canary.calls)
    page.set_content(attack)
    until(lambda: len(canary.calls) > before, 10)
    canary.calls.clear()


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [("127.0.0.1", "", 101), ("evil.example", "", 403), ("127.0.0.1", "http://evil.example", 403)],
)
def test_a_page_of_another_site_cannot_talk_to_the_window(window: Window, host: str, origin: str, status: int) -> None:
    name = f"{host}:{window.port}"
    assert handshake(window, name, origin or f"http://{name}") == status
