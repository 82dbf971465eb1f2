"""What stands around an answer, in a real Chromium: its footnotes' previews, copying, asking again, and rating."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kinds import make_kinds
from playwright.sync_api import Browser, Page, expect
from window_server import KNOWN, Window, ask, ready, serving

from assistant.evaluation import rated_cases
from assistant.history import History

QUESTION = "How deep was the harbour dredged?"
WORDS = "The commission decided to dredge the harbour to a depth of nine metres."


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    base = tmp_path_factory.mktemp("answers")
    window = serving(base, make_kinds(base / "harbour"))
    yield window
    window.stop()


def test_a_footnote_shows_source_place_and_words_to_mouse_and_keyboard_and_goes_on_escape(
    window: Window, page: Page
) -> None:
    ready(page, window.url, 6)
    chip = ask(page, QUESTION).get_by_role("button", name="Footnote 1:").first
    preview = page.locator(".preview")
    expect(preview).to_be_hidden()
    for bring in (chip.hover, lambda: (page.mouse.move(5, 5), page.keyboard.press("Shift+Tab"), chip.focus())):
        bring()
        expect(preview).to_be_visible()
        expect(preview).to_contain_text("commission.pdf")
        expect(preview).to_contain_text("page 2 · dated 2000-01-01")
        expect(preview).to_contain_text(WORDS)
        page.keyboard.press("Escape")
        expect(preview).to_be_hidden()


def test_an_answer_is_copied_as_markdown_with_footnotes(window: Window, browser: Browser) -> None:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"], storage_state=KNOWN)
    page = context.new_page()
    page.goto(window.url)
    ask(page, QUESTION).get_by_role("button", name="Copy with footnotes").click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert (
        copied
        == f"{WORDS}[^1]\n\n[^1]: commission.pdf, page 2, line 9 (“Report of the harbour commission”, Edith Marlow, 2000-01-01): “{WORDS}”\n"
    )
    context.close()


def test_where_the_clipboard_is_barred_the_text_is_given_marked_to_be_copied(window: Window, page: Page) -> None:
    page.add_init_script("navigator.clipboard.writeText = () => Promise.reject(new Error('barred'))")
    page.goto(window.url)
    ask(page, QUESTION).get_by_role("button", name="Copy with footnotes").click()
    box = page.get_by_role("textbox", name="The answer as Markdown")
    expect(box).to_be_focused()
    assert box.evaluate("box => box.value.slice(box.selectionStart, box.selectionEnd)").startswith(f"{WORDS}[^1]")


def test_a_question_is_edited_in_place_and_asked_again_below(window: Window, page: Page) -> None:
    page.goto(window.url)
    turn = ask(page, "How deep was the habour dreged?")
    turn.get_by_role("button", name="Edit question").click()
    box = page.get_by_role("textbox", name="The question")
    box.fill(QUESTION)
    box.press("Enter")
    expect(page.locator(".turn")).to_have_count(2)
    expect(page.locator(".turn").last.get_by_role("heading", name=QUESTION)).to_be_visible()
    expect(page.locator(".turn").last).to_contain_text(WORDS)


def test_a_rating_and_its_note_outlive_a_reload_make_an_eval_file_and_end_with_the_answer_they_were_given_to(
    window: Window, page: Page
) -> None:
    page.goto(window.url)
    turn = ask(page, "Who saved the cat of the ship?")
    turn.get_by_role("button", name="Bad answer").click()
    note = turn.get_by_role("textbox", name="Why? (optional)")
    note.fill("It was the cook")
    note.press("Enter")
    expect(turn.get_by_text("Kept.")).to_be_visible()
    page.reload()
    expect(turn.get_by_role("button", name="Bad answer")).to_have_attribute("aria-pressed", "true")
    expect(note).to_have_value("It was the cook")

    history = History(next(window.data.glob("**/history.sqlite")))
    assert '"note": "bad: It was the cook"' in rated_cases(history.rated())
    turn.get_by_role("button", name="Good answer").click()
    expect(turn.get_by_role("button", name="Good answer")).to_have_attribute("aria-pressed", "true")
    assert '"source": "interview.vtt"' in rated_cases(history.rated())

    (window.folder / "interview.vtt").unlink()
    turn.get_by_role("button", name="Ask again").click()
    expect(turn).to_contain_text("The documents do not hold the answer.")
    expect(turn.get_by_role("button", name="Good answer")).to_have_attribute("aria-pressed", "false")
    history.close()
