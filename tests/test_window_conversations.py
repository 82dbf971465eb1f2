"""Conversations in a real Chromium: suggested, found again, linked to, and taken along."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from kinds import make_kinds
from playwright.sync_api import Page, expect
from window_server import Window, ask, ready, serving


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    base = tmp_path_factory.mktemp("conversations")
    window = serving(base, make_kinds(base / "harbour"))
    yield window
    window.stop()


def test_a_suggested_question_is_made_from_the_documents_and_has_an_answer(window: Window, page: Page) -> None:
    ready(page, window.url, 6)
    suggestions = page.locator(".st-key-suggestions").get_by_role("button")
    expect(suggestions).to_have_count(4)
    expect(suggestions.first).to_have_text("What is the largest bell called?")
    suggestions.first.click()
    expect(page.locator(".turn")).to_contain_text("The largest bell is called Old Maud")


def test_a_conversation_is_found_by_words_of_its_answer_and_exported(window: Window, page: Page) -> None:
    page.goto(window.url)
    ask(page, "Who saved the cat of the ship?")
    page.get_by_role("button", name="New conversation").click()
    expect(page.locator(".turn")).to_have_count(0)
    search = page.get_by_role("textbox", name="Search conversations")
    search.fill("zeppelin")
    search.press("Enter")
    expect(page.get_by_text("No conversation holds these words.")).to_be_visible()
    search.fill("COOK dredger")
    search.press("Enter")
    found = page.locator(".st-key-conversations")
    expect(found).to_contain_text("The cook of the dredger saved the ship's cat")
    found.get_by_role("button", name="Who saved the cat of the ship?").click()
    expect(page.locator(".turn")).to_contain_text("The cook of the dredger")
    search.fill("")
    search.press("Enter")

    page.locator(".st-key-current").get_by_role("button").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export as Markdown").click()
    assert download.value.suggested_filename == "Who-saved-the-cat-of-the-ship.md"
    text = download.value.path().read_text()
    assert "## Who saved the cat of the ship?\n\n" in text
    assert "[^1-1]: interview.vtt, 00:00:17" in text
    with page.expect_download() as download:
        page.get_by_role("button", name="Export as JSON").click()
    (turn,) = json.loads(download.value.path().read_text())["turns"]
    assert turn["answer"]["sentences"][0]["citations"][0]["source"] == "interview.vtt"


def test_a_link_to_a_footnote_opens_its_source_at_the_words(window: Window, page: Page) -> None:
    page.goto(window.url)
    turn = ask(page, "Who saved the cat of the ship?")
    turn.get_by_role("button", name="Footnote 1:").first.click()
    expect(page.locator("mark")).to_be_in_viewport()
    link = page.url
    assert "&f=1" in link
    page.goto("about:blank")
    page.goto(link)
    expect(page.locator("mark")).to_contain_text("cook of the dredger")
    expect(page.locator("mark")).to_be_in_viewport()
    page.get_by_role("button", name="Close", exact=True).click()
    expect(page.locator("mark")).to_have_count(0)
    assert "&f=" not in page.url

    page.goto(link.replace("&f=1", "&f=99"))
    expect(page.get_by_text("The place that this address leads to is not there any more.")).to_be_visible()
    expect(page.locator(".turn")).to_contain_text("cook of the dredger")


def test_a_question_is_asked_of_chosen_files_only_and_says_so(window: Window, page: Page) -> None:
    page.goto(window.url)
    page.get_by_role("button", name="All documents").click()
    box = page.get_by_role("combobox", name="Ask only these files and folders")
    box.fill("interview")
    page.get_by_role("option", name="interview.vtt").click()
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Only documents in interview.vtt")).to_be_visible()
    turn = ask(page, "How deep was the harbour dredged?")
    expect(turn).to_contain_text("Asked of documents in interview.vtt")
    expect(turn).to_contain_text("The documents do not hold the answer.")
    turn.get_by_role("button", name="Ask again").click()
    expect(turn).to_have_attribute("aria-busy", "false")
    expect(turn).to_contain_text("Asked of documents in interview.vtt")
