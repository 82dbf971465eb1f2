"""The clock jumps, back or forward, by an hour or by a century: nothing is lost, nothing stale answers, nothing is nonsense.

The real clock stays as it is. The program's is set through `time.time` and `time.time_ns`, and the times of files by hand;
where a test needs a file system that counts in coarse steps, or keeps no time of change, that is made of the real one.

The pass rule is the name of each test, or stands in it.
"""

from __future__ import annotations

import json
import math
import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from contents import assert_whole, contents
from hash_embedder import HashEmbedder
from test_crash import clean_build

from assistant.errors import FootnoteError
from assistant.history import History, Rating
from assistant.shelf import Shelf
from assistant.types import Answer, Mode, Sentence, Support
from index import planning, scanning, sync, tracking
from index.aside import set_aside
from index.folder import FolderIndex
from index.reading import Reader
from index.types import Progress
from ui import view

HOUR = 3600.0
YEAR = 365.25 * 24 * HOUR
IN_2106, IN_1970 = 4_300_000_000, 1


class Clock:
    """The program's clock: it goes as the real one does, `ahead` seconds ahead of it, or stands still at `stands`."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self.stands: float | None = None
        self._real = time.time

    def __call__(self) -> float:
        return self._real() + self.ahead if self.stands is None else self.stands


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "time", clock)
    monkeypatch.setattr(time, "time_ns", lambda: int(clock() * 1e9))
    return clock


@pytest.fixture
def index(folder: Path, tmp_path: Path) -> Iterator[FolderIndex]:
    index = FolderIndex.open(folder, tmp_path / "data", HashEmbedder())
    yield index
    index.close()


@pytest.fixture
def whole_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file system keeps whole seconds and no time of change."""
    for module in (scanning, planning, sync):
        monkeypatch.setattr(module, "stat_of", lambda info: f"{info.st_size}:{int(info.st_mtime)}")
    for module in (scanning, planning):
        monkeypatch.setattr(
            module, "is_settled", lambda info, now: now - int(info.st_mtime) * 1_000_000_000 > 2_000_000_000
        )


def answered(index: FolderIndex, question: str) -> str:
    return "\n".join(hit.passage.text for hit in index.retrieve(question))


def reply(text: str) -> Answer:
    return Answer("q", Mode.QUOTE, True, (Sentence(text, (), Support.QUOTED),))


# Files


@pytest.mark.parametrize("ahead", [-10 * YEAR, -HOUR, 10 * YEAR])
def test_an_edit_that_keeps_size_and_time_is_noticed_whatever_the_clock_shows(
    index: FolderIndex, folder: Path, clock: Clock, ahead: float
) -> None:
    path = folder / "a.txt"
    path.write_text("The answer is 41.")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    clock.ahead = HOUR  # long after the file was written, so that its times are trusted
    index.sync()
    before = path.stat()
    clock.ahead = ahead
    path.write_text("The answer is 42.")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    index.sync()
    assert "42" in answered(index, "What is the answer?")
    assert "41" not in answered(index, "What is the answer?")
    assert_whole(index)


@pytest.mark.usefixtures("whole_seconds")
def test_an_edit_at_a_time_that_the_clock_shows_again_after_it_was_set_back_is_noticed(
    index: FolderIndex, folder: Path, clock: Clock
) -> None:
    """The second write falls into the second of the first."""
    path = folder / "a.txt"
    path.write_text("The answer is 41.")
    os.utime(path, (2_000_000_000, 2_000_000_000))
    clock.stands = 2_000_000_000 + HOUR
    index.sync()
    clock.stands = 2_000_000_000 - HOUR
    index.sync()
    path.write_text("The answer is 42.")
    os.utime(path, (2_000_000_000, 2_000_000_000))
    clock.stands = 2_000_000_000 + HOUR
    index.sync()
    assert "42" in answered(index, "What is the answer?")


@pytest.mark.usefixtures("whole_seconds")
def test_an_edit_while_the_clock_is_set_back_is_noticed_although_it_was_not_looked_at_before(
    index: FolderIndex, folder: Path, clock: Clock
) -> None:
    """As before, but the first look after the clock was set back comes when the second write has been."""
    path = folder / "a.txt"
    path.write_text("The answer is 41.")
    os.utime(path, (2_000_000_000, 2_000_000_000))
    clock.stands = 2_000_000_000 + HOUR
    index.sync()
    path.write_text("The answer is 42.")
    os.utime(path, (2_000_000_000, 2_000_000_000))
    clock.stands = 2_000_000_001.0
    index.sync()
    assert "42" in answered(index, "What is the answer?")


def test_a_file_written_while_it_was_read_is_read_again_although_the_clock_jumped_ahead_meanwhile(
    index: FolderIndex, folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file system's time stands still: nothing but the bytes tells one version from the other."""
    for module in (scanning, planning, sync):
        monkeypatch.setattr(module, "stat_of", lambda info: f"{info.st_size}")
    path = folder / "a.txt"
    path.write_text("The answer is 41.")
    read = Reader.read

    def read_slowly(self: Reader, *about: object) -> object:
        found = read(self, *about)  # type: ignore[arg-type]
        path.write_text("The answer is 42.")
        clock.ahead = HOUR
        return found

    monkeypatch.setattr(Reader, "read", read_slowly)
    index.sync()
    monkeypatch.setattr(Reader, "read", read)
    index.sync()
    assert "42" in answered(index, "What is the answer?")


@pytest.mark.parametrize("moment", [IN_2106, IN_1970])
def test_files_of_any_year_are_indexed_once_and_followed(index: FolderIndex, folder: Path, moment: int) -> None:
    path = folder / "a.txt"
    path.write_text("The answer is 41.")
    os.utime(path, (moment, moment))
    assert index.sync().plan.added == ("a.txt",)
    assert index.sync().plan.unchanged == ("a.txt",)
    path.write_text("The answer is 42.")
    os.utime(path, (moment, moment))
    assert index.sync().plan.changed == ("a.txt",)
    assert "42" in answered(index, "What is the answer?")
    assert_whole(index)


@pytest.mark.parametrize("seed", range(3))
def test_a_sync_during_which_the_clock_jumps_ten_years_at_every_step_ends_equal_to_a_clean_build(
    folder: Path, tmp_path: Path, clock: Clock, seed: int
) -> None:
    chance = random.Random(seed)
    jumps: list[float] = []

    def jump(_: object = None) -> None:
        clock.ahead = chance.choice((-10 * YEAR, 0.0, 10 * YEAR))
        jumps.append(clock.ahead)

    def write(number: int) -> None:
        path = folder / f"{number}.txt"
        path.write_text(f"Report {number} is about engine {chance.randrange(100, 1000)}. It runs well.\n\n" * 5)
        if chance.random() < 0.5:
            moment = chance.choice((IN_2106, IN_1970, int(clock()), 1_700_000_000))
            os.utime(path, (moment, moment))

    index = FolderIndex.open(folder, tmp_path / "data", HashEmbedder())
    for _ in range(5):
        for _ in range(4):
            jump()
            write(chance.randrange(8))
        (folder / f"{chance.randrange(8)}.txt").unlink(missing_ok=True)
        index.sync(jump)
    jump()
    index.sync(jump)
    assert len(set(jumps)) == 3
    ended = contents(index)
    index.close()
    clock.ahead = 0
    assert ended == clean_build(folder, tmp_path / "clean")


# What is told of a sync


def test_of_a_sync_during_which_the_clock_jumps_and_files_change_no_count_or_time_is_nonsense(
    folder: Path, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more is done than there is to do, and the time left is not told or a number of seconds from 0."""
    monkeypatch.setattr(sync, "_LOOK_EVERY", 0.0)
    monkeypatch.setattr(sync, "_LOOK_SHARE", 0)
    monkeypatch.setattr(sync, "_GROUP", 4)
    monkeypatch.setattr(tracking, "_LONG", 16)
    monotonic = time.monotonic
    # Every second is an hour, so that times are told in a test that takes one second.
    monkeypatch.setattr(time, "monotonic", lambda: monotonic() * HOUR)
    for number in range(20):
        (folder / f"{number}.txt").write_text(f"Report {number} is about engine {number}. It runs well.\n\n" * 30)
    told: list[Progress] = []

    def on_progress(progress: Progress) -> None:
        told.append(progress)
        clock.ahead = (-10 * YEAR, 10 * YEAR)[len(told) % 2]
        if progress.stage == "Indexed" and progress.files_done <= 12:
            (folder / progress.source).write_text(f"Something else of {progress.files_done}. " * 300)

    embedder = HashEmbedder()
    embedder.at_once = 4
    index = FolderIndex.open(folder, tmp_path / "data", embedder)
    report = index.sync(on_progress)
    index.close()
    assert len(report.plan.changed) >= 3
    assert sum(progress.seconds_left is not None for progress in told) > 10
    for progress in told:
        assert 0 <= progress.files_done <= progress.files_total, progress
        assert 0 <= progress.passages_done <= progress.passages_total, progress
        assert progress.seconds_left is None or 0 <= progress.seconds_left < math.inf, progress
        share, words = view.progress(progress)
        assert 0 <= share <= 1
        assert "-" not in words
        assert "nan" not in words


# Conversations


@pytest.mark.parametrize("ahead", [-10 * YEAR, -HOUR, 10 * YEAR])
def test_the_conversation_last_written_to_comes_first_whatever_the_clock_shows(
    tmp_path: Path, clock: Clock, ahead: float
) -> None:
    history = History(tmp_path / "history.sqlite")
    one, other = history.start(), history.start()
    turn = history.add_question(one, "Who came?")
    history.add_question(other, "Who went?")
    clock.ahead = ahead
    history.add_question(one, "And then?")
    assert [found.id for found in history.conversations()] == [one, other]
    clock.ahead = 0
    history.add_question(other, "And then?")
    assert [found.conversation.id for found in history.search("then")] == [other, one]
    clock.ahead = ahead
    history.save_answer(turn, reply("Nobody."))
    assert [found.id for found in history.conversations()] == [one, other]
    assert [turn.question for turn in history.turns(one)] == ["Who came?", "And then?"]


def test_conversations_of_an_earlier_version_stand_in_their_order_behind_what_is_written_now(
    tmp_path: Path, clock: Clock
) -> None:
    path = tmp_path / "history.sqlite"
    history = History(path)
    started = [history.start() for _ in range(3)]
    for conversation in (started[1], started[2], started[0]):
        history.add_question(conversation, "Who came?")
    history.close()
    with sqlite3.connect(path) as older:
        older.executescript("ALTER TABLE conversation DROP COLUMN written; PRAGMA user_version = 2")
    older.close()
    history = History(path)
    assert [found.id for found in history.conversations()] == [started[0], started[2], started[1]]
    clock.ahead = -10 * YEAR
    history.add_question(started[1], "And then?")
    assert [found.id for found in history.conversations()] == [started[1], started[0], started[2]]


def test_ratings_stand_in_the_order_of_the_questions_whatever_the_clock_shows(tmp_path: Path, clock: Clock) -> None:
    history = History(tmp_path / "history.sqlite")
    conversation = history.start()
    for number in range(4):
        turn = history.add_question(conversation, "Who came?")
        history.save_answer(turn, reply(f"Guest {number}."))
        clock.ahead -= YEAR
        history.rate(turn, Rating(True))
    assert [rated.answer.text for rated in history.rated()] == [f"Guest {number}." for number in range(4)]


def test_a_damaged_file_of_an_earlier_version_gives_back_what_can_be_read_of_it(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    history = History(path)
    conversation = history.start()
    history.add_question(conversation, "Who came?")
    history.close()
    with sqlite3.connect(path) as older:
        older.executescript("ALTER TABLE conversation DROP COLUMN written; PRAGMA user_version = 2")
        # Both count as damage, or come of it.
        older.executescript("DROP INDEX turn_of_conversation; ALTER TABLE turn ADD COLUMN odd")
    older.close()
    history = History(path)
    assert "1 questions" in history.take_notice()
    assert [turn.question for turn in history.turns(conversation)] == ["Who came?"]


# What is set aside or put into the trash


def test_what_is_set_aside_at_a_time_that_comes_twice_does_not_take_the_place_of_what_was_set_aside_before(
    tmp_path: Path,
) -> None:
    kept: dict[Path, str] = {}
    path = tmp_path / "history.sqlite"
    for number in range(5):
        path.write_text(f"damaged {number}")
        Path(f"{path}-wal").write_text(f"log {number}")
        kept[set_aside(path, "history.damaged")] = str(number)
    assert len(kept) == 5
    for aside, number in kept.items():
        assert (aside.read_text(), Path(f"{aside}-wal").read_text()) == (f"damaged {number}", f"log {number}")
    assert not path.exists()


def test_an_index_that_is_damaged_twice_at_a_time_that_comes_twice_is_kept_twice(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "strftime", lambda form: "20261025-020000")
    (folder / "a.txt").write_text("The answer is 42.")
    for _ in range(2):
        index = FolderIndex.open(folder, tmp_path / "data", HashEmbedder())
        index.sync()
        path = index.manifest.path
        index.close()
        path.write_bytes(b"damaged" * 1000)
    index = FolderIndex.open(folder, tmp_path / "data", HashEmbedder())
    index.sync()
    assert "42" in answered(index, "What is the answer?")
    index.close()
    assert len(list(path.parent.glob("damaged-*.sqlite"))) == 2


@pytest.mark.parametrize("ahead", [-10 * YEAR, -HOUR, 10 * YEAR])
def test_the_file_removed_last_is_first_in_the_trash_and_comes_back_whatever_the_clock_shows(
    folder: Path, tmp_path: Path, clock: Clock, ahead: float
) -> None:
    shelf = Shelf(folder, tmp_path / "trash")
    for name in ("one.txt", "two.txt", "three.txt"):
        (folder / name).write_text(name)
        shelf.remove(name)
        clock.ahead += ahead
    assert [removed.source for removed in shelf.removed()] == ["three.txt", "two.txt", "one.txt"]
    for removed in shelf.removed():
        shelf.put_back(removed)
    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        name: name for name in ("one.txt", "two.txt", "three.txt")
    }


def test_what_was_removed_by_an_earlier_version_stands_in_the_order_of_its_times(folder: Path, tmp_path: Path) -> None:
    shelf = Shelf(folder, tmp_path / "trash")
    for name in ("one.txt", "two.txt"):
        (folder / name).write_text(name)
        removed = shelf.remove(name)
        record = tmp_path / "trash" / removed.id / "record.json"
        fields = json.loads(record.read_text())
        del fields["number"]
        record.write_text(json.dumps(fields))
    assert [removed.source for removed in shelf.removed()] == ["two.txt", "one.txt"]


def test_what_a_cut_off_addition_left_is_cleared_although_its_time_lies_ahead(folder: Path, tmp_path: Path) -> None:
    left = folder / ".footnote-left"
    left.write_bytes(b"half")
    os.utime(left, (IN_2106, IN_2106))
    Shelf(folder, tmp_path / "trash").add("a.txt", b"words")
    assert [path.name for path in folder.iterdir()] == ["a.txt"]


def test_an_addition_whose_half_another_window_clears_since_the_clock_jumped_is_refused_and_leaves_nothing(
    folder: Path, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said in a sentence, the folder holds no empty file of that name, and adding it again works."""
    shelf, other = Shelf(folder, tmp_path / "trash"), Shelf(folder, tmp_path / "trash")
    fsync: Callable[[int], None] = os.fsync

    def jump(file: int) -> None:
        fsync(file)
        monkeypatch.setattr(os, "fsync", fsync)
        clock.ahead = 10 * YEAR
        other.add("b.txt", b"others")
        clock.ahead = 0

    monkeypatch.setattr(os, "fsync", jump)
    with pytest.raises(FootnoteError, match=r"a\.txt: the files cannot be changed"):
        shelf.add("a.txt", b"words")
    assert [path.name for path in folder.iterdir()] == ["b.txt"]
    shelf.add("a.txt", b"words")
    assert (folder / "a.txt").read_bytes() == b"words"


@pytest.mark.parametrize("moment", [0.0, float(IN_1970), float(IN_2106)])
def test_the_day_of_any_moment_is_told_as_a_day(moment: float) -> None:
    assert len(view.day(moment)) == len("2026-01-01")
