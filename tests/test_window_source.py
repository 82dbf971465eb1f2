"""The source pane in a real Chromium: pages with the words marked, tables, times, and the keys that lead through."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kinds import make_kinds
from playwright.sync_api import Page, expect
from window_server import Window, ask, ready, serving


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    base = tmp_path_factory.mktemp("sources")
    window = serving(base, make_kinds(base / "harbour"))
    yield window
    window.stop()


def opened(window: Window, page: Page, question: str) -> None:
    ready(page, window.url, 6)
    ask(page, question).get_by_role("button", name="Footnote 1:").first.click()


def test_a_pdf_opens_as_its_page_with_the_words_marked_and_as_text_on_demand(window: Window, page: Page) -> None:
    opened(window, page, "Who got the work of dredging?")
    picture = page.get_by_role("img", name="Page 2 of commission.pdf")
    expect(picture).to_be_visible()
    marks = page.locator("figure mark")
    expect(marks).to_have_count(2)
    expect(marks.first).to_be_in_viewport()
    inside, mark = picture.bounding_box(), marks.first.bounding_box()
    assert inside is not None
    assert mark is not None
    assert 0.14 < (mark["y"] - inside["y"]) / inside["height"] < 0.24
    page.get_by_role("button", name="Larger").click()
    larger = picture.bounding_box()
    assert larger is not None
    assert larger["width"] > 1.5 * inside["width"]
    page.get_by_role("radio", name="Text").click()
    expect(page.locator(".document mark")).to_contain_text("given to the Halden Dredging Company")


def test_a_row_of_a_workbook_is_marked_in_its_table(window: Window, page: Page) -> None:
    opened(window, page, "What was paid to Brandt Salvage?")
    row = page.locator(".rows tr.cited")
    expect(row).to_have_count(1)
    expect(row.locator("mark")).to_have_text(["1931-09-15", "Brandt Salvage", "Raising the sunken dredger", "6150"])
    expect(page.locator(".rows thead")).to_contain_text("Purpose")


def test_a_transcript_shows_the_time_beside_the_words_and_not_among_them(window: Window, page: Page) -> None:
    opened(window, page, "Who saved the cat of the ship?")
    expect(page.locator("mark")).to_have_text("The cook of the dredger saved the ship's cat before he saved himself.")
    label = page.locator("mark .place")
    assert label.evaluate("place => getComputedStyle(place, '::before').content") == '"00:00:17"'


def test_keys_lead_from_footnote_to_footnote_and_close(window: Window, page: Page) -> None:
    page.goto(window.url)
    turn = ask(page, "What did the fishermen demand of the commission?")
    chips = turn.locator(".chip")
    if chips.count() < 2:
        pytest.fail("the question no longer has two footnotes to step through")
    chips.first.click()
    current = page.locator(".pane .where")
    expect(current).to_contain_text("footnote 1")
    page.keyboard.press("n")
    expect(current).to_contain_text("footnote 2")
    page.keyboard.press("ArrowLeft")
    expect(current).to_contain_text("footnote 1")
    page.keyboard.press("p")  # there is none before the first
    page.keyboard.press("ArrowRight")
    expect(current).to_contain_text("footnote 2")
    page.get_by_placeholder("Ask the documents").fill("np")
    expect(current).to_contain_text("footnote 2")
    page.locator(".pane h2").focus()
    page.keyboard.press("Escape")
    expect(current).to_have_count(0)


def test_a_page_of_a_file_that_changed_is_not_shown_for_the_one_that_was_read(window: Window, page: Page) -> None:
    opened(window, page, "Who got the work of dredging?")
    expect(page.locator("figure mark")).to_have_count(2)
    path = window.folder / "commission.pdf"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"%%EOF", b"%changed\n%%EOF"))
    expect(page.locator(".pane .note")).to_contain_text("source has changed since")
    expect(page.locator("figure")).to_have_count(0)
    path.write_bytes(whole)
    expect(page.locator("figure mark")).to_have_count(2)


def test_a_key_leads_one_step_and_no_further(window: Window, page: Page) -> None:
    page.goto(window.url)
    turn = ask(page, "What is the capital of Mongolia?")
    turn.get_by_role("button", name="Passage 1:").click()
    current = page.locator(".pane .where")
    expect(current).to_contain_text("passage 1")
    for key, to in (("n", 2), ("n", 3), ("p", 2), ("n", 3)):
        page.keyboard.press(key)
        expect(current).to_contain_text(f"passage {to}")
        page.wait_for_timeout(500)
        expect(current).to_contain_text(f"passage {to}")
