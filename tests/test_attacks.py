"""Sixty lines that would call a canary, at every place where a stranger's text comes onto the page: names, texts, titles
and answers, while an answer streams and after. No call may reach the canary and no request may leave for another server.

The control shows the same sixty lines to the same browser as a page without defence would, and the canary hears of all.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from attacks import ATTACKS
from markdown_it import MarkdownIt
from playwright.sync_api import Browser, Page, expect
from window_server import KNOWN, Window, ask, ready, serving, until

BLANK = "/blank"


@dataclass
class Canary:
    """A site that no page may call; `calls` holds the paths that were asked of it."""

    url: str
    calls: list[str] = field(default_factory=list)

    def attack(self, number: int) -> str:
        return ATTACKS[number].format(u=f"{self.url}/{number}")


@pytest.fixture(scope="module")
def canary() -> Iterator[Canary]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            canary.calls.append(self.path)
            self.send_response(200 if self.path == BLANK else 204)
            self.send_header("Content-Type", "text/html")
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    canary = Canary(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield canary
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def model(canary: Canary) -> Iterator[str]:
    """The address of a model whose answer holds every attack, as a sentence with a footnote and in the middle of one."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send("application/json", [json.dumps({"object": "list", "data": [{"id": "scripted"}]})])

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            said = [f"Gate number {at} is marked {canary.attack(at)} in paint [1]. " for at in range(len(ATTACKS))]
            chunks = [json.dumps({"choices": [{"index": 0, "delta": {"content": words}}]}) for words in said]
            chunks += [json.dumps({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}), "[DONE]"]
            self._send("text/event-stream", [f"data: {chunk}\n\n" for chunk in chunks], pause=0.05)

        def _send(self, content_type: str, parts: list[str], pause: float = 0) -> None:
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.end_headers()
            for part in parts:
                self.wfile.write(part.encode())
                self.wfile.flush()
                time.sleep(pause)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, canary: Canary) -> Path:
    """For each attack a file with it in its name, its title, its author and its text; and one text with all of them."""
    folder = tmp_path_factory.mktemp("attacked") / "gates"
    folder.mkdir()
    for at in range(len(ATTACKS)):
        attack = canary.attack(at)
        # A browser reads a backslash in an address as a slash, which a name cannot hold.
        name = " ".join(attack.replace("/", "\\").split())[:200]
        about = json.dumps({"title": f"Gate {attack}", "author": attack, "date": "2022-01-10"})
        text = f"---\n{about}\n---\n\n# {attack}\n\nGate number {at} is painted {attack} on both sides.\n"
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    lines = (f"Lock number {at} is marked {canary.attack(at)} in chalk." for at in range(len(ATTACKS)))
    (folder / "locks.txt").write_text("\n\n".join(lines), encoding="utf-8")
    return folder


@dataclass
class Watched:
    """A page, and what it asked of other servers than the window's."""

    page: Page
    strayed: list[str] = field(default_factory=list)


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    context = browser.new_context(viewport={"width": 1280, "height": 800}, storage_state=KNOWN)
    watched = Watched(context.new_page())
    watched.page.on("dialog", lambda dialog: watched.strayed.append(dialog.message))
    yield watched
    context.close()


def watch(watched: Watched, window: Window) -> None:
    own = (window.url, window.url.replace("http", "ws", 1), "data:", "blob:")

    def look(url: str) -> None:
        if not url.startswith(own):
            watched.strayed.append(url)

    watched.page.on("request", lambda request: look(request.url))
    watched.page.on("websocket", lambda socket: look(socket.url))


def assert_calm(watched: Watched, canary: Canary) -> None:
    watched.page.wait_for_timeout(700)
    assert canary.calls == []
    assert watched.strayed == []


def test_names_texts_and_titles_that_attack_are_shown_as_text(
    tmp_path: Path, folder: Path, watched: Watched, canary: Canary
) -> None:
    window = serving(tmp_path, folder)
    page = watched.page
    watch(watched, window)
    try:
        ready(page, window.url, len(ATTACKS) + 1)
        refused = page.evaluate("url => fetch(url).then(() => '', String)", f"{canary.url}/fetched")
        assert "Failed to fetch" in refused  # by the page's policy, should anything ever run on it
        assert [url for url in watched.strayed if url != f"{canary.url}/fetched"] == []
        watched.strayed.clear()
        # Names, in the list beside; suggested questions.
        shown = page.locator(".documents").inner_text()
        assert shown.count("127.0.0.1") >= 55
        assert_calm(watched, canary)
        turn = ask(page, f"How is lock number 7 marked? {canary.attack(0)}")  # a title of a conversation, too
        turn.get_by_role("button", name="Footnote 1:").first.click()
        expect(page.locator("mark")).to_be_visible()
        body = page.locator(".pane").inner_text()
        assert all(canary.attack(at).split("\n")[0] in body for at in range(len(ATTACKS)))
        assert_calm(watched, canary)
        for at in (4, 23, 36, 51, 58):  # of each kind one, at the places that show one document's title and author
            turn = ask(page, f"How is gate number {at} painted on both sides?")
            turn.get_by_role("button", name="Footnote 1:").first.hover()
            expect(page.locator(".preview").last).to_be_visible()
            turn.get_by_role("button", name="Footnote 1:").first.click()
            expect(page.locator("mark").first).to_be_visible()
        assert_calm(watched, canary)
        page.get_by_text("All documents").click()
        page.get_by_role("combobox", name="Ask only these files and folders").click()
        expect(page.get_by_role("option").first).to_be_visible()
        assert_calm(watched, canary)
        page.goto(f"{window.url}?v=library")
        expect(page.locator(".files")).to_contain_text("Can be asked")
        page.get_by_label("Search inside the documents").fill("gate painted on both sides")
        page.keyboard.press("Enter")
        expect(page.locator(".hits li").first).to_be_visible()
        assert_calm(watched, canary)
    finally:
        window.stop()


@pytest.mark.slow
def test_an_answer_that_attacks_is_text_while_it_streams_and_after(
    tmp_path: Path, folder: Path, watched: Watched, canary: Canary, model: str
) -> None:
    window = serving(tmp_path, folder, model)
    page = watched.page
    watch(watched, window)
    try:
        ready(page, window.url, len(ATTACKS) + 1)
        box = page.get_by_placeholder("Ask the documents")
        box.fill("How is gate number 7 painted on both sides?")
        box.press("Enter")
        turn = page.locator(".turn").last
        expect(turn).to_contain_text(canary.attack(2))
        assert turn.get_attribute("aria-busy") == "true"
        assert canary.calls == []
        expect(turn).to_have_attribute("aria-busy", "false", timeout=120_000)
        expect(turn).to_contain_text(canary.attack(57))
        assert_calm(watched, canary)
        page.reload()
        expect(page.locator(".turn")).to_contain_text(canary.attack(57))
        assert_calm(watched, canary)
    finally:
        window.stop()


@pytest.mark.slow
def test_without_the_defence_the_canary_hears_of_all_sixty(browser: Browser, canary: Canary) -> None:
    """What a page that takes text for Markdown with HTML, or for HTML, would make of each."""
    render = MarkdownIt("commonmark", {"html": True}).render
    canary.calls.clear()
    context = browser.new_context()
    for at in range(len(ATTACKS)):
        attack = canary.attack(at)
        page = context.new_page()
        page.goto(canary.url + BLANK)  # not about:blank, from where some requests are not made
        page.set_content(f"<!doctype html><html><body>{render(attack)}{attack}</body></html>", wait_until="commit")
        until(lambda at=at: f"/{at}" in canary.calls, 15)
        page.close()
    context.close()
    heard = {path for path in canary.calls if path[1:].isdigit()}
    canary.calls.clear()
    assert heard == {f"/{at}" for at in range(len(ATTACKS))}
