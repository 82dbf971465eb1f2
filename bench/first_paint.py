"""The first paint of a warm server: the window beside Streamlit's own hello page, in one headless Chromium.

    uv run python bench/first_paint.py           # 15 loads of each, alternating; the bound of the issue is a ratio of 1.5

The paint counted is the first that shows the page's own heading, in milliseconds since the navigation began: Streamlit's
first contentful paint is an empty frame, the same for every app.
"""

from __future__ import annotations

import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from kinds import make_kinds  # noqa: E402
from window_server import KNOWN, serving  # noqa: E402

LOADS = 15


def milliseconds(browser: Browser, url: str, heading: str) -> float:
    context = browser.new_context(viewport={"width": 1280, "height": 800}, storage_state=KNOWN)
    page = context.new_page()
    began = time.perf_counter()
    page.goto(url, wait_until="commit")
    page.get_by_role("heading", name=heading).first.wait_for()
    spent = time.perf_counter() - began
    context.close()
    return 1000 * spent


def hello() -> tuple[subprocess.Popen[bytes], str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    flags = [f"--server.port={port}", "--server.headless=true", "--browser.gatherUsageStats=false"]
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "hello", *flags], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}/"
    for _ in range(300):
        try:
            urllib.request.urlopen(url, timeout=1).close()
            break
        except OSError:
            time.sleep(0.1)
    return process, url


def main() -> None:
    base = Path(tempfile.mkdtemp())
    window = serving(base, make_kinds(base / "harbour"))
    process, hello_url = hello()
    spent: dict[str, list[float]] = {"window": [], "hello": []}
    try:
        with sync_playwright() as playwright:
            flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
            for load in range(LOADS + 2):
                for name, url, heading in (
                    ("window", window.url, "Ask harbour"),
                    ("hello", hello_url, "Welcome to Streamlit"),
                ):
                    taken = milliseconds(browser, url, heading)
                    if load >= 2:  # the first two warm the servers
                        spent[name].append(taken)
            browser.close()
    finally:
        process.terminate()
        window.stop()
        shutil.rmtree(base)
    for name, times in spent.items():
        print(f"{name}: median {statistics.median(times):.0f} ms, {min(times):.0f} to {max(times):.0f}")
    print(f"ratio of the medians: {statistics.median(spent['window']) / statistics.median(spent['hello']):.2f}")


if __name__ == "__main__":
    main()
