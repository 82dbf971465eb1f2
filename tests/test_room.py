"""The room that windows share: what it says of the index is what a question will find."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from window_server import until

from assistant.library import Library
from assistant.loading import unless_ending
from assistant.settings import Settings
from index.errors import FolderMissing
from ui.room import Room


@pytest.fixture
def library(tmp_path: Path, data_dir: Path) -> Library:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "ferry.txt").write_text("The ferry left at noon.", encoding="utf-8")
    return Library.open(folder, Settings(data_dir=data_dir))


def test_a_first_sync_is_told_of_when_questions_need_wait_for_nothing_more(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    preparing, go_on = threading.Event(), threading.Event()

    def prepare() -> None:
        preparing.set()
        assert go_on.wait(60)

    monkeypatch.setattr(library, "prepare", prepare)
    room = Room(library)
    try:
        assert preparing.wait(60)
        assert room.sync.running
        go_on.set()
        until(lambda: not room.sync.running, 60)
        assert room.sync.report is not None
        assert room.sync.report.embedded == 1
    finally:
        go_on.set()
        room.close()


def test_a_sync_that_failed_is_told_of_at_once(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()

    def sync(*_: object) -> None:
        raise FolderMissing("No such folder.")

    monkeypatch.setattr(library, "sync", sync)
    monkeypatch.setattr(library, "prepare", lambda: go_on.wait(60))
    room = Room(library)
    try:
        until(lambda: bool(room.sync.error), 10)
        assert not go_on.is_set()
    finally:
        go_on.set()
        room.close()


def test_a_fault_of_an_import_is_hidden_at_the_end_of_the_process_only(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RuntimeError, match="cannot register"), unless_ending():
        raise RuntimeError("cannot register")
    for said in ("cannot schedule new futures after interpreter shutdown", "can't register atexit after shutdown"):
        with unless_ending():
            raise RuntimeError(said)
    monkeypatch.setattr(threading.main_thread(), "is_alive", lambda: False)
    with unless_ending():
        raise RuntimeError("cannot register")


def test_who_waits_for_a_sync_in_the_instant_in_which_it_begins_is_not_broken_off(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = Room(library)
    try:
        until(lambda: not room.sync.running, 60)
        start, waited = threading.Thread.start, []

        def start_while_another_waits(thread: threading.Thread) -> None:
            if thread.name == "sync":
                room._syncing.join()
                waited.append(thread)
            start(thread)

        monkeypatch.setattr(threading.Thread, "start", start_while_another_waits)
        room.start_sync()
        assert waited == [room._syncing]
        until(lambda: not room.sync.running, 60)
    finally:
        room.close()
