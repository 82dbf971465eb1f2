"""Whatever byte of what is kept is damaged, an examination finds it and mends it; documents and conversations are kept.

The pass rule, for every damage: the examination ends by itself; no file of the folder changes; the index is equal to
that of a clean build; and the conversations are there, or the damaged file of them is kept aside and that is said.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from contents import Contents, assert_whole, contents
from hash_embedder import HashEmbedder
from test_crash import clean_build
from test_full_disk import hashes

from assistant.history import History
from index.errors import IndexBusy
from index.folder import FolderIndex

QUESTIONS = [f"What is report {number} about?" for number in range(30)]


def a_kept_folder(place: Path) -> tuple[Path, Path, Contents]:
    """A folder, the data folder with its index and conversations, and what the index holds."""
    folder, data = place / "folder", place / "data"
    folder.mkdir()
    for number in range(12):
        (folder / f"{number}.txt").write_text(f"Report {number} is about engine {number}. It runs well.\n\n" * 12)
    (folder / "bad.pdf").write_bytes(b"%PDF-1.7 no PDF")
    clean = clean_build(folder, data)
    history = History(home(data) / "history.sqlite")
    conversation = history.start()
    for question in QUESTIONS:
        history.add_question(conversation, question)
    history.close()
    return folder, data, clean


def home(data: Path) -> Path:
    (found,) = (data / "folders").iterdir()
    return found


def flip(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 8, 64))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def overwrite(data: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(data))
    stretch = slice(at, at + chance.choice((16, 512, 4096)))
    data[stretch] = chance.choice((bytes(len(data[stretch])), chance.randbytes(len(data[stretch]))))


def cut(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(len(data)) :]


def exchange(data: bytearray, chance: random.Random) -> None:
    """Two pages change places, as after a write that went astray."""
    one, other = (4096 * chance.randrange(max(1, len(data) // 4096)) for _ in range(2))
    if one != other and max(one, other) + 4096 <= len(data):
        data[one : one + 4096], data[other : other + 4096] = data[other : other + 4096], data[one : one + 4096]


DAMAGES: tuple[Callable[[bytearray, random.Random], None], ...] = (flip, flip, overwrite, cut, exchange)


def damage(data: Path, chance: random.Random) -> str:
    """Damage one file of the index or of the conversations, or take it away; what was done to which."""
    files = [path for path in sorted(home(data).rglob("*")) if path.is_file() and path.stat().st_size]
    # The databases hold nearly everything; the others are many and small.
    weights = [10 if path.suffix in (".sqlite", ".sqlite3") else 2 for path in files]
    (path,) = chance.choices(files, weights)
    kind = chance.choice(DAMAGES)
    if chance.random() < 0.05:
        path.unlink()
        return f"{path.name} taken away"
    held = bytearray(path.read_bytes())
    kind(held, chance)
    path.write_bytes(held)
    return f"{kind.__name__} {path.name}"


@pytest.mark.parametrize("times", [10, pytest.param(100, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])])
def test_whatever_is_damaged_an_examination_leaves_the_index_of_a_clean_build(tmp_path: Path, times: int) -> None:
    folder, kept, clean = a_kept_folder(tmp_path)
    before = hashes(folder)
    chance = random.Random(times)
    found = 0
    for time in range(times):
        data = tmp_path / f"damaged {time}"
        shutil.copytree(kept, data)
        done = f"{time}: {damage(data, chance)}"
        embedder = HashEmbedder()
        index = FolderIndex.open(folder, data, embedder)
        history = History(home(data) / "history.sqlite")
        told = index.examine()
        assert contents(index) == clean, done
        assert_whole(index)
        assert hashes(folder) == before, done
        assert all(sentence.endswith(".") for sentence in told), done
        questions = [turn.question for one in history.conversations() for turn in history.turns(one.id)]
        aside = list(home(data).glob("history.damaged-*"))
        if "history.sqlite" not in done:
            assert questions == QUESTIONS, done
        elif aside:
            assert "earlier conversations was damaged" in history.take_notice(), done
        elif "taken away" not in done:
            assert len(questions) == len(QUESTIONS), done
        found += bool(told)
        history.close()
        index.close()
        shutil.rmtree(data)
    print(f"{found} of {times} damaged something that is read, and were found")
    assert found > times // 3


def test_a_whole_index_is_said_to_be_well_and_nothing_of_it_is_made_again(tmp_path: Path) -> None:
    folder, data, clean = a_kept_folder(tmp_path)
    embedder = HashEmbedder()
    index = FolderIndex.open(folder, data, embedder)
    assert index.examine() == ()
    assert embedder.embedded == []
    assert contents(index) == clean
    assert index.examine() == ()
    index.close()


def test_of_a_damaged_index_only_what_cannot_be_read_is_embedded_again(tmp_path: Path) -> None:
    folder, data, clean = a_kept_folder(tmp_path)
    (manifest,) = home(data).glob("index-*/manifest.sqlite")
    held = manifest.read_bytes()
    manifest.write_bytes(held.replace(b"engine 7. It runs well", b"engine 9. It runs well"))
    embedder = HashEmbedder()
    index = FolderIndex.open(folder, data, embedder)
    (told,) = index.examine()
    assert "a new one is made from the documents" in told
    assert embedder.embedded == []
    assert contents(index) == clean
    index.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE meta SET value = 'many' WHERE key = 'generation'",
        "UPDATE meta SET value = '../../folder' WHERE key = 'store'",
        "INSERT OR REPLACE INTO meta VALUES ('store', 'chroma-two')",
        "UPDATE meta SET value = '{}' WHERE key = 'settings'",
        "UPDATE files SET content_hash = 'no hash', reason = 'none'",
        "UPDATE documents SET title_terms = 'other terms'",
        "UPDATE passages SET term_count = term_count + 1 WHERE ordinal = 0",
        "UPDATE passages SET line = line + 1 WHERE ordinal = 1",
        "UPDATE vectors SET terms = 'other terms'",
        "INSERT INTO passage_terms (rowid, terms) VALUES (1, 'a term that is not there')",
        "INSERT INTO strays SELECT id FROM passages",
        "DROP TABLE strays",
        "PRAGMA user_version = 0",
    ],
)
def test_values_that_no_check_of_sqlite_can_find_are_found_too(tmp_path: Path, statement: str) -> None:
    folder, data, clean = a_kept_folder(tmp_path)
    (manifest,) = home(data).glob("index-*/manifest.sqlite")
    with sqlite3.connect(manifest, isolation_level=None) as connection:
        connection.execute(statement)
    connection.close()
    before = hashes(folder)
    embedder = HashEmbedder()
    index = FolderIndex.open(folder, data, embedder)
    index.examine()
    assert contents(index) == clean
    assert_whole(index)
    assert index.examine() == ()
    assert hashes(folder) == before
    index.close()


def test_an_index_that_another_process_has_open_is_not_examined(tmp_path: Path) -> None:
    folder, data, _ = a_kept_folder(tmp_path)
    index, other = (FolderIndex.open(folder, data, HashEmbedder()) for _ in range(2))
    index.sync()
    with pytest.raises(IndexBusy, match="Close it"):
        other.examine()
    index.close()
    assert other.examine() == ()
    other.close()
