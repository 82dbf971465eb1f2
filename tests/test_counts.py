"""What indexing and asking cost, in counts that are the same on every machine: a change that costs more is seen here.

Passages and sentences embedded, searches of Chroma, statements of SQLite, bytes written. The bounds lie a little above
what was counted when they were written.
"""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hash_embedder import HashEmbedder
from texts import WORDS

from assistant.answering import answer
from index.embedding import Vectors
from index.folder import FolderIndex
from index.planning import plan
from index.store import PassageStore

FILES = 120
PARAGRAPHS = 6


class CountingEmbedder(HashEmbedder):
    def __init__(self) -> None:
        super().__init__()
        self.texts = self.questions = 0

    def embed_passages(self, texts: list[str]) -> Vectors:
        self.texts += len(texts)
        return super().embed_passages(texts)

    def embed_query(self, text: str) -> Vectors:
        self.questions += 1
        return super().embed_query(text)


_STEPS = 100


@dataclass
class Counts:
    """What was counted since it was made; of SQLite's machine, hundreds of steps."""

    searches: int = 0
    steps: int = 0
    rows_stored: int = 0
    statements: list[str] = field(default_factory=list)


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counts:
    counted = Counts()
    nearest, upsert, connect = PassageStore.nearest, PassageStore.upsert, sqlite3.connect

    def counting_nearest(self: PassageStore, vector: Vectors, limit: int) -> list[str]:
        counted.searches += 1
        return nearest(self, vector, limit)

    def counting_upsert(self: PassageStore, passages: list[object], vectors: Vectors) -> None:
        counted.rows_stored += len(passages)
        upsert(self, passages, vectors)  # type: ignore[arg-type]

    def stepped() -> int:
        counted.steps += 1
        return 0

    def traced(*arguments: object, **options: object) -> sqlite3.Connection:
        connection = connect(*arguments, **options)  # type: ignore[call-overload]
        connection.set_trace_callback(counted.statements.append)
        connection.set_progress_handler(stepped, _STEPS)
        return connection

    monkeypatch.setattr(PassageStore, "nearest", counting_nearest)
    monkeypatch.setattr(PassageStore, "upsert", counting_upsert)
    monkeypatch.setattr("index.database.sqlite3.connect", traced)
    return counted


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "documents"
    path.mkdir()
    add(path, range(FILES))
    return path


def add(path: Path, numbers: range) -> None:
    chance = np.random.default_rng(numbers.start)
    for number in numbers:
        paragraphs = (
            " ".join(f"{' '.join(chance.choice(WORDS, 12))} {number} {at} {sentence}." for sentence in range(6))
            for at in range(PARAGRAPHS)
        )
        (path / f"{number:03}.txt").write_text("\n\n".join(paragraphs), encoding="utf-8")


@pytest.fixture
def index(folder: Path, tmp_path: Path, counts: Counts) -> Iterator[FolderIndex]:
    opened = FolderIndex.open(folder, tmp_path / "data", CountingEmbedder())
    yield opened
    opened.close()


def embedder_of(index: FolderIndex) -> CountingEmbedder:
    assert isinstance(index._embedder, CountingEmbedder)
    return index._embedder


def size_of(index: FolderIndex) -> tuple[int, int]:
    """How many passages are indexed, and how many texts they are embedded by: each, and each of its sentences."""
    passages = [passage for some, _ in index.manifest.all_passages(1000) for passage in some]
    return len(passages), len(passages) + sum(len(passage.sentences) for passage in passages)


def statements(counts: Counts) -> list[str]:
    """All but what depends on the time: a file just written to is looked at again, and noted anew, until its time lies
    behind the clock; and how far a sync is, is noted once a second."""
    return [one for one in counts.statements if "INTO files" not in one and "'progress'" not in one]


def synced(index: FolderIndex) -> None:
    index.sync()
    index._making.join()


def written(work: Callable[[], None]) -> int:
    """Bytes that this process hands to the system to write meanwhile."""

    def so_far() -> int:
        told = Path("/proc/self/io").read_text(encoding="ascii")
        return int(next(line for line in told.splitlines() if line.startswith("wchar")).split()[1])

    before = so_far()
    work()
    return so_far() - before


def test_a_build_embeds_every_passage_and_sentence_once_and_stores_each_passage_once(
    index: FolderIndex, counts: Counts
) -> None:
    synced(index)
    passages, texts = size_of(index)
    assert passages >= 2 * FILES
    assert (embedder_of(index).texts, counts.rows_stored, counts.searches) == (texts, passages, 0)
    assert embedder_of(index).questions == 0


def test_a_sync_with_nothing_to_do_embeds_stores_and_writes_nothing(index: FolderIndex, counts: Counts) -> None:
    synced(index)
    embedded, stored = embedder_of(index).texts, counts.rows_stored
    counts.statements.clear()
    synced(index)
    assert (embedder_of(index).texts, counts.rows_stored) == (embedded, stored)
    changing = [s for s in statements(counts) if s.split()[0] in ("INSERT", "UPDATE", "DELETE", "REPLACE")]
    assert len(changing) <= 6  # that a sync began, how far it is, and how it ended
    assert len(statements(counts)) <= 80


def test_one_edited_file_of_many_costs_what_it_changes(index: FolderIndex, folder: Path, counts: Counts) -> None:
    synced(index)
    embedded, stored = embedder_of(index).texts, counts.rows_stored
    edited = folder / "007.txt"
    edited.write_text(edited.read_text(encoding="utf-8") + "\n\nThe zanzibar ferry left at noon.", encoding="utf-8")
    counts.statements.clear()
    synced(index)
    assert embedder_of(index).texts - embedded <= 12  # the last passage and its sentences
    assert counts.rows_stored - stored <= PARAGRAPHS + 1  # all of the file's: their ids say which version they are of
    assert len(statements(counts)) <= 160


def test_what_sqlite_does_for_one_edited_file_grows_by_little_for_every_other_file(
    index: FolderIndex, folder: Path, counts: Counts, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is done beside the sync, and as often as it lasts long, is not counted.
    monkeypatch.setattr(FolderIndex, "_make_columns", lambda _: None)
    monkeypatch.setattr("index.sync._LOOK_EVERY", 3600.0)

    def synced_for_good() -> None:
        """Until no file is so new that it is noted once more."""
        index.sync()
        while plan(folder, index.manifest).rows:
            time.sleep(0.1)
            index.sync()

    def steps_of_an_edit(source: str) -> int:
        edited = folder / source
        edited.write_text(edited.read_text(encoding="utf-8") + "\n\nThe zanzibar ferry left at noon.", encoding="utf-8")
        counts.steps = 0
        index.sync()
        return _STEPS * counts.steps

    synced_for_good()
    few = steps_of_an_edit("007.txt")
    add(folder, range(FILES, 5 * FILES))
    synced_for_good()
    # Noting which files there are takes some 22 steps for each; looking at all passages took 65.
    assert steps_of_an_edit("008.txt") - few < 30 * 4 * FILES


@pytest.mark.skipif(sys.platform != "linux", reason="counts bytes by what Linux tells of a process")
def test_one_edited_file_of_many_has_a_small_part_of_the_bytes_of_a_build_written(
    index: FolderIndex, folder: Path
) -> None:
    whole = written(lambda: synced(index))
    edited = folder / "007.txt"
    edited.write_text(edited.read_text(encoding="utf-8") + "\n\nThe zanzibar ferry left at noon.", encoding="utf-8")
    assert written(lambda: synced(index)) < whole / 4


@pytest.mark.parametrize("prepared", [False, True])
def test_a_question_is_embedded_once_and_searched_for_once(index: FolderIndex, counts: Counts, prepared: bool) -> None:
    synced(index)
    if prepared:
        index.prepare()
    question = f"What of the {WORDS[0]} and the {WORDS[3]}?"
    next(iter(answer(index, question, None)))
    embedder, texts = embedder_of(index), embedder_of(index).texts
    questions = embedder.questions
    counts.searches = 0
    counts.statements.clear()
    given = list(answer(index, question, None))
    assert given[-1].complete
    assert (embedder.questions - questions, counts.searches) == (1, 1)
    assert embedder.texts == texts
    assert len(statements(counts)) <= 20
