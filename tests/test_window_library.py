"""The library in a real Chromium: what is there and why not, what is found in it, added, removed and put back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kinds import make_kinds
from playwright.sync_api import Page, WebSocketRoute, expect
from window_server import Window, ask, ready, serving, until


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    base = tmp_path_factory.mktemp("library")
    window = serving(base, make_kinds(base / "harbour"))
    yield window
    window.stop()


@pytest.fixture
def library(window: Window, page: Page) -> Page:
    ready(page, window.url, 6)
    page.get_by_role("button", name="Library").click()
    expect(page.get_by_role("heading", name="Library of harbour")).to_be_visible()
    return page


def test_every_file_is_listed_with_kind_size_date_state_and_reason(library: Page) -> None:
    rows = library.locator(".files tbody tr")
    expect(rows).to_have_count(8)
    bells = rows.filter(has_text="bells.docx")
    for words in ("Word", "KB", "1929-05-12", "Can be asked"):
        expect(bells).to_contain_text(words)
    expect(rows.filter(has_text="scan.pdf")).to_contain_text("The PDF is damaged.")
    expect(rows.filter(has_text="photo.raw")).to_contain_text("Skipped")
    library.get_by_role("textbox", name="Show files whose name holds").fill("S.C")
    library.keyboard.press("Enter")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("ships.csv")


def test_words_are_found_in_the_documents_without_asking_and_open_at_the_place(library: Page) -> None:
    search = library.get_by_role("textbox", name="Search inside the documents")
    search.fill("storm")
    search.press("Enter")
    hits = library.locator(".hits li")
    expect(hits).to_have_count(1)
    hits.get_by_role("button").click()
    words = "In August 1931 a storm sank one of the two dredgers, and the work stood still for six weeks."
    expect(library.get_by_role("img", name=words)).to_be_in_viewport()
    library.get_by_role("button", name="scan.pdf", exact=True).click()
    expect(library.locator(".st-key-source-pane")).to_contain_text("The PDF is damaged.")


def test_what_a_click_opened_stays_open_when_the_documents_change_before_the_browser_knows_of_it(
    window: Window, page: Page
) -> None:
    sockets: list[WebSocketRoute] = []
    held: list[str | bytes] | None = None

    def between(browser: WebSocketRoute) -> None:
        server = browser.connect_to_server()

        def to_browser(message: str | bytes) -> None:
            if held is None:
                browser.send(message)
            else:
                held.append(message)

        server.on_message(to_browser)
        browser.on_message(server.send)
        sockets.append(browser)

    page.route_web_socket("**/_stcore/stream", between)
    ready(page, window.url, 6)
    page.get_by_role("button", name="Library").click()
    added = window.folder / "late.txt"
    try:
        button = page.get_by_role("button", name="letter.md", exact=True)
        expect(button).to_be_visible()
        page.wait_for_timeout(1_000)
        held = []
        button.click()
        page.wait_for_timeout(1_000)  # the click has come to the server, and its answer is held back
        added.write_text("The lighthouse is painted white.")
        page.wait_for_timeout(8_000)  # more than the time between two of the timer's looks at an index at rest
        late, held = held, None
        for message in late:
            sockets[-1].send(message)
        expect(page.locator(".files tbody tr").filter(has_text="late.txt")).to_contain_text("Can be asked")
        expect(page.locator(".st-key-source-pane")).to_contain_text("letter.md")
    finally:
        added.unlink()


def test_a_dropped_file_is_added_and_one_of_the_same_name_is_not_overwritten_unasked(
    library: Page, window: Window
) -> None:
    before = (window.folder / "letter.md").read_bytes()
    library.set_input_files(
        "input[type=file]",
        [
            {"name": "../zebra.txt", "mimeType": "text/plain", "buffer": b"The zebra is striped."},
            {"name": "letter.md", "mimeType": "text/markdown", "buffer": b"# Another letter"},
        ],
    )
    expect(library.get_by_text("zebra.txt was added.")).to_be_visible()
    expect(library.get_by_text("letter.md is in the folder already.")).to_be_visible()
    assert (window.folder / "letter.md").read_bytes() == before
    assert (window.folder / "zebra.txt").read_bytes() == b"The zebra is striped."
    library.get_by_role("button", name="Keep both").click()
    expect(library.get_by_text("letter (2).md was added.")).to_be_visible()
    assert (window.folder / "letter.md").read_bytes() == before
    row = library.locator(".files tbody tr").filter(has_text="zebra.txt")
    expect(row).to_contain_text("Can be asked")
    for name in ("zebra.txt", "letter (2).md"):
        (window.folder / name).unlink()
    expect(row).to_have_count(0)


def test_a_file_is_removed_after_a_confirmation_and_undone_byte_for_byte(library: Page, window: Window) -> None:
    path = window.folder / "ships.csv"
    before = path.read_bytes()
    row = library.locator(".files tbody tr").filter(has_text="ships.csv")
    row.get_by_role("button", name="Remove ships.csv").click()
    library.get_by_role("button", name="Cancel").click()
    assert path.read_bytes() == before
    row.get_by_role("button", name="Remove ships.csv").click()
    library.get_by_role("dialog").get_by_role("button", name="Remove", exact=True).click()
    expect(row).to_have_count(0)
    assert not path.exists()
    library.get_by_role("button", name="Undo").click()
    until(path.exists, 10)
    assert path.read_bytes() == before
    expect(row).to_contain_text("Can be asked")


def test_the_picture_shows_documents_over_time_and_what_each_conversation_cited(page: Page, window: Window) -> None:
    page.goto(window.url)
    ask(page, "Who saved the cat of the ship?")
    page.get_by_role("button", name="Library").click()
    page.get_by_text("A picture of the collection").click()
    by_date = page.locator(".collection figure").filter(has_text="Documents by the date they give")
    expect(by_date.locator("li").filter(has_text="1929")).to_contain_text("1")
    expect(by_date).to_contain_text("3 documents without a date of their own")
    cited = page.locator(".collection figure").filter(has_text="Cited in “Who saved the cat of the ship?”")
    expect(cited.locator("li")).to_have_text(["interview.vtt1"])
