"""Pictures of every screen of the window, at a desk, in the dark and on a phone, on a folder of real kinds of files.

uv run python bench/pictures.py              # into artifacts/, to be looked at
uv run python bench/pictures.py --readme     # and the README's three into .pictures/
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from kinds import make_kinds  # noqa: E402
from window_server import KNOWN, ask, serving  # noqa: E402

ARTIFACTS = ROOT / "artifacts"
README = ROOT / ".pictures"
LOOKS = {
    "desk": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 360, "height": 740}, "color_scheme": "light"},
}
IN_README = {"desk-page.png": "window.png", "dark-table.png": "dark.png", "phone-answer.png": "phone.png"}


def main() -> None:
    ARTIFACTS.mkdir(exist_ok=True)
    base = Path(tempfile.gettempdir()) / "documents"  # its path is in the pictures
    base.mkdir()
    window = serving(base, make_kinds(base / "Ostwick harbour"))
    try:
        with sync_playwright() as playwright:
            flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
            for look, settings in LOOKS.items():
                take(browser, look, settings, window.url)
            browser.close()
    finally:
        window.stop()
        shutil.rmtree(base)
    if "--readme" in sys.argv:
        for taken, name in IN_README.items():
            shutil.copyfile(ARTIFACTS / taken, README / name)


def take(browser: Browser, look: str, settings: dict[str, object], url: str) -> None:
    context = browser.new_context(**settings, storage_state=KNOWN)  # type: ignore[arg-type]
    page = context.new_page()

    def shot(name: str) -> None:
        page.wait_for_timeout(500)  # what fades in has faded in
        page.screenshot(path=ARTIFACTS / f"{look}-{name}.png")

    page.goto(url)
    expect(page.locator(".st-key-suggestions").get_by_role("button").first).to_be_visible()
    shot("welcome")
    ask(page, "Who saved the cat of the ship?").locator(".chip").first.click()
    expect(page.locator("mark")).to_be_visible()
    shot("transcript")
    close(page)
    ask(page, "What was paid to Brandt Salvage?").locator(".chip").first.click()
    expect(page.locator(".rows")).to_be_visible()
    shot("table")
    close(page)
    turn = ask(page, "Who got the work of dredging?")
    turn.locator(".chip").first.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    shot("answer")
    turn.locator(".chip").first.click()
    expect(page.locator("figure")).to_be_visible()
    shot("page")
    page.goto(f"{url}?v=library")
    expect(page.locator(".files tbody tr").first).to_be_visible()
    shot("library")
    page.get_by_text("A picture of the collection").click()
    page.locator(".collection").scroll_into_view_if_needed()
    shot("collection")
    page.goto(f"{url}?v=settings")
    page.get_by_text("A model, at an OpenAI-compatible endpoint").click()
    expect(page.get_by_role("textbox", name="Address")).to_be_visible()
    shot("settings")
    context.close()


def close(page: Page) -> None:
    page.get_by_role("button", name="Close", exact=True).click()
    expect(page.locator(".st-key-source-pane")).to_have_count(0)


if __name__ == "__main__":
    main()
