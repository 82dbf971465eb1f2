"""Two processes on one folder: the first keeps the index, the second reads it and hands over what is to be done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.history import History
from assistant.library import Library
from index.errors import IndexBusy
from index.folder import FolderIndex
from ui.room import Room

ROOT = Path(__file__).parent.parent


@pytest.fixture
def room(tmp_path: Path, data_dir: Path) -> Iterator[Room]:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.txt").write_text("The bridge over the Elda is 412 metres long.")
    index = FolderIndex.open(folder, data_dir)
    library = Library(index, History(index.home / "history.sqlite"), None)
    room = Room(library)
    deadline = time.monotonic() + 60
    while room.sync.report is None and time.monotonic() < deadline:
        time.sleep(0.1)
    yield room
    room.close()
    library.close()


def footnote(data_dir: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "FOOTNOTE_DATA_DIR": str(data_dir)}
    command = [sys.executable, "-m", "assistant.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, timeout=120)


def test_an_index_command_beside_an_open_window_is_done_by_the_window(room: Room, data_dir: Path) -> None:
    (room.library.folder / "b.txt").write_text("A ferry crosses the Orva.")
    done = footnote(data_dir, "index", str(room.library.folder))
    assert done.returncode == 0, done.stderr
    assert {file.source for file in room.library.files()} == {"a.txt", "b.txt"}


def test_a_question_beside_an_open_window_is_answered_the_same(room: Room, data_dir: Path) -> None:
    question = "How long is the bridge over the Elda?"
    asked = footnote(data_dir, "ask", "-f", str(room.library.folder), question)
    assert asked.returncode == 0, asked.stderr
    *_, answer = room.library.ask(question)
    assert answer.sentences[0].text in asked.stdout


def test_a_small_change_is_answerable_within_five_seconds_of_its_end(room: Room) -> None:
    (room.library.folder / "a.txt").write_text("The bridge over the Elda is 398 metres long.")
    changed = time.monotonic()
    document = None
    while time.monotonic() - changed < 5:
        document = room.library.document("a.txt")
        if document is not None and "398" in document.text:
            return
        time.sleep(0.1)
    pytest.fail(f"after 5 s it was still {document}")


def test_an_owner_that_does_not_serve_is_told_in_a_sentence(tmp_path: Path, data_dir: Path) -> None:
    (tmp_path / "a.txt").write_text("One sentence.")
    owner = FolderIndex.open(tmp_path, data_dir)
    owner.sync()
    other = FolderIndex.open(tmp_path, data_dir)
    with pytest.raises(IndexBusy, match=r"\.$"):
        other.sync(patience=0.5)
    other.close()
    owner.close()


def test_watch_follows_the_folder_and_ends_with_ctrl_c(tmp_path: Path, data_dir: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.txt").write_text("One sentence about lanterns.")
    environment = {**os.environ, "FOOTNOTE_DATA_DIR": str(data_dir), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "assistant.cli", "watch", str(folder)]
    watching = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=ROOT
    )
    assert watching.stdout is not None
    assert watching.stdout.readline().startswith("1 added")
    (folder / "b.txt").write_text("Another sentence about orchards.")
    changed = time.monotonic()
    assert watching.stdout.readline().startswith("1 added")
    assert time.monotonic() - changed < 5
    (folder / "a.txt").rename(folder / "c.txt")
    assert watching.stdout.readline().startswith("1 renamed")
    watching.send_signal(signal.SIGINT)
    assert watching.wait(30) == 130
