"""Fit and finish, measured in a real Chromium: no serious fault for assistive technology on any screen, no jump while an
answer streams, and a long conversation that stays quick."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from axe_playwright_python.sync_playwright import Axe
from kinds import make_kinds
from playwright.sync_api import Browser, Page, expect
from window_server import KNOWN, Window, ask, serving

from assistant.history import History
from assistant.types import Answer, Citation, Mode, Sentence, Support

SENTENCES = 12
JUMP = 0.1  # the layout shift that Web Vitals calls good at most
SHIFTS = """
    window.shifts = [];
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifts.push(entry.value);
    }).observe({ type: 'layout-shift', buffered: true });
"""


@pytest.fixture(scope="module")
def model() -> Iterator[str]:
    """The address of a model that writes a dozen sentences, word by word."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"data": [{"id": "scripted"}]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            for number in range(1, SENTENCES + 1):
                for word in f"Sentence {number} says that the harbour was dredged to nine metres [1]. ".split(" "):
                    choice = {"index": 0, "delta": {"content": word + " "}, "finish_reason": None}
                    self.wfile.write(f"data: {json.dumps({'choices': [choice]})}\n\n".encode())
                    time.sleep(0.02)
            end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
            self.wfile.write(f"data: {json.dumps(end)}\n\ndata: [DONE]\n\n".encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory, model: str) -> Iterator[Window]:
    base = tmp_path_factory.mktemp("fit")
    window = serving(base, make_kinds(base / "harbour"), model)
    yield window
    window.stop()


def serious(page: Page) -> list[str]:
    """What axe-core finds of serious or critical impact."""
    page.wait_for_timeout(300)  # what fades in has faded in
    violations = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {node['html'][:120]}"
        for one in violations
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


@pytest.mark.parametrize(
    ("width", "scheme"), [(1280, "light"), pytest.param(1280, "dark", marks=pytest.mark.slow), (360, "light")]
)
def test_no_screen_has_a_serious_fault_for_assistive_technology(
    window: Window, browser: Browser, width: int, scheme: str
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, storage_state=KNOWN)  # type: ignore[arg-type]
    page = context.new_page()
    found: dict[str, list[str]] = {}
    page.goto(window.url)
    expect(page.locator(".st-key-suggestions").get_by_role("button").first).to_be_visible()
    found["welcome"] = serious(page)
    turn = ask(page, "How deep was the harbour dredged?")
    turn.get_by_role("button", name="Bad answer").click()
    expect(turn.get_by_role("textbox", name="Why? (optional)")).to_be_visible()
    turn.locator(".chip").first.focus()
    found["answer"] = serious(page)
    turn.locator(".chip").first.click()
    expect(page.get_by_role("img", name="Page 2 of commission.pdf")).to_be_visible()
    found["page"] = serious(page)
    page.get_by_role("radio", name="Text").click()
    expect(page.locator(".document mark")).to_be_visible()
    found["text"] = serious(page)
    page.goto(f"{window.url}?v=library")
    expect(page.locator(".files tbody tr").first).to_be_visible()
    found["library"] = serious(page)
    page.get_by_role("button", name="Remove bells.docx").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    found["confirmation"] = serious(page)
    page.goto(f"{window.url}?v=library&d=ships.csv&s=27&e=40")
    expect(page.locator(".rows tr.cited")).to_be_visible()
    found["table"] = serious(page)
    page.goto(f"{window.url}?v=settings")
    expect(page.get_by_role("heading", name="Settings")).to_be_visible()
    found["settings"] = serious(page)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    context.close()
    assert {name: faults for name, faults in found.items() if faults} == {}


def test_the_check_for_faults_finds_one(page: Page) -> None:
    page.set_content("<html lang=en><title>t</title><main><button></button></main>")
    assert any(fault.startswith("button-name") for fault in serious(page))


def test_nothing_jumps_while_an_answer_streams(window: Window, page: Page) -> None:
    page.add_init_script(SHIFTS)
    page.goto(window.url)
    expect(page.get_by_text("Can be asked (6)")).to_be_visible()
    page.wait_for_timeout(1500)
    page.evaluate("window.shifts.length = 0")
    turn = ask(page, "How deep was the harbour dredged?")
    expect(turn).to_contain_text(f"Sentence {SENTENCES} says")
    page.wait_for_timeout(1000)
    assert sum(page.evaluate("window.shifts")) < JUMP


@pytest.mark.slow  # its bound is a time, which a busy machine does not keep
def test_a_conversation_of_200_messages_opens_and_answers_quickly(window: Window, page: Page) -> None:
    history = History(next(window.data.glob("**/history.sqlite")))
    conversation = history.start()
    document = "The commission decided to dredge the harbour to a depth of nine metres."
    for number in range(100):
        citation = Citation(1, "commission.pdf", 0, 10, document, "page 2", 7, 7, "passage", "hash")
        sentences = (Sentence(document, (citation,), Support.QUOTED),) * 3
        turn = history.add_question(conversation, f"Question {number}?")
        history.save_answer(turn, Answer(f"Question {number}?", Mode.QUOTE, True, sentences))
    history.close()
    began = time.monotonic()
    page.goto(f"{window.url}?c={conversation}")
    expect(page.locator(".turn").get_by_role("heading", name="Question 99?")).to_be_visible()
    opened = time.monotonic() - began
    began = time.monotonic()
    page.locator(".turn").last.locator(".chip").first.click()
    expect(page.locator(".st-key-source-pane")).to_be_visible()
    clicked = time.monotonic() - began
    assert opened < 10
    assert clicked < 5
