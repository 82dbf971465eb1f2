"""Fixtures that more than one file of tests uses."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import llama_server
import pytest
import servers
import window_server
from hypothesis import settings
from playwright.sync_api import Browser, Page, sync_playwright

# How long an example takes is the machine's matter: no test is timed.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


# What takes longest, in this order, since a worker takes a whole file at a time: the small ones fill the end.
LONG = (
    "test_cli.py",
    "test_damage.py",
    "test_settings_change.py",
    "test_fan_out.py",
    "test_sync.py",
    "test_window_fit.py",
    "test_window_source.py",
    "test_door.py",
    "test_api.py",
    "test_browser.py",
    "test_columns.py",
    "test_window_library.py",
    "test_window_settings.py",
    "test_window.py",
    "test_reading.py",
    "test_attacks.py",
    "test_answering.py",
    "test_crash.py",
    "test_window_conversations.py",
    "test_window_answers.py",
    "test_counts.py",
    "test_scale_out.py",
    "test_full_disk.py",
    "test_doctor.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONG.index(item.path.name) if item.path.name in LONG else len(LONG))


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[llama_server.LlamaServer]:
    """A real llama.cpp server for the whole session; a test that ends its server starts one of its own."""
    server = llama_server.start(tmp_path_factory.mktemp("llama") / "log.txt")
    yield server
    server.kill()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder of documents."""
    folder = tmp_path / "folder"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One data folder for the session, so that the model's graph is built once; every folder has its own index in it."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="session")
def chroma_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real Chroma server, started as a person would, on a free port of the loopback."""
    with servers.chroma(tmp_path_factory.mktemp("chroma-server")) as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 800}, storage_state=window_server.KNOWN)
    page = context.new_page()
    yield page
    context.close()
