"""A store that was damaged answers, and the next sync makes it whole with no manual step and nothing embedded twice."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from contents import Contents, assert_whole, contents
from hash_embedder import HashEmbedder
from texts import WORDS

from index.errors import FootnoteError
from index.folder import FolderIndex
from index.store import PassageStore
from index.types import Progress

FILES, PARAGRAPHS = 25, 50
"""Chroma writes its index files once it holds more than 1,000 rows, and the rows after those only to its database."""

QUESTION = "Which gate does lot 1107 leave by?"

# Opens an index, syncs it, and keeps it open until it is killed.
_HOLD_OPEN = """
import sys
from pathlib import Path
from hash_embedder import HashEmbedder
from index.folder import FolderIndex
index = FolderIndex.open(Path(sys.argv[1]), Path(sys.argv[2]), HashEmbedder())
index.sync()
print("open", flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True)
class Built:
    """A folder, the data folders of two indexes of it, one closed in order and one killed while it was open, and what
    an index of the folder holds."""

    folder: Path
    closed: Path
    killed: Path
    whole: Contents


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    root = tmp_path_factory.mktemp("damage")
    folder = root / "documents"
    folder.mkdir()
    chance = random.Random(4)
    for file in range(FILES):
        lots = range(file * PARAGRAPHS, (file + 1) * PARAGRAPHS)
        text = "\n\n".join(
            f"Lot {lot} leaves by gate {lot % 7}. The {' '.join(chance.choices(WORDS, k=55))} stays." for lot in lots
        )
        (folder / f"{file:02}.txt").write_text(text)
    index = FolderIndex.open(folder, root / "closed", HashEmbedder())
    index.sync()
    whole = contents(index)
    index.close()
    tests = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": f"{tests.parent}:{tests}"}
    command = [sys.executable, "-c", _HOLD_OPEN, str(folder), str(root / "killed")]
    held = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    assert held.stdout is not None
    assert held.stdout.readline() == "open\n"
    held.kill()
    assert held.wait() == -signal.SIGKILL
    held.stdout.close()
    return Built(folder, root / "closed", root / "killed", whole)


@pytest.fixture(params=["closed in order", "killed while open"])
def data(request: pytest.FixtureRequest, built: Built, tmp_path: Path) -> Path:
    """A copy of one of the two indexes."""
    copy = tmp_path / "data"
    shutil.copytree(built.closed if request.param == "closed in order" else built.killed, copy)
    return copy


def index_dir(data: Path) -> Path:
    (found,) = data.glob("folders/*/index-*")
    return found


def chroma(data: Path) -> Path:
    (found,) = index_dir(data).glob("chroma-*")
    return found


def chroma_file(data: Path, name: str) -> Path:
    (found,) = chroma(data).rglob(name)
    return found


def overwrite(path: Path, start: float, end: float) -> None:
    """Random bytes from one share of the file to another."""
    size = path.stat().st_size
    first, last = int(size * start), int(size * end)
    with path.open("r+b") as file:
        file.seek(first)
        file.write(random.Random(str(path.name)).randbytes(last - first))


def truncate(path: Path, share: float) -> None:
    os.truncate(path, int(path.stat().st_size * share))


Damage = Callable[[Path], None]


def _the_folder_removed(data: Path) -> None:
    shutil.rmtree(chroma(data))


def _the_folder_emptied(data: Path) -> None:
    place = chroma(data)
    shutil.rmtree(place)
    place.mkdir()


def _the_index_files_removed(data: Path) -> None:
    shutil.rmtree(chroma_file(data, "header.bin").parent)


def _the_database_replaced_by_text(data: Path) -> None:
    chroma_file(data, "chroma.sqlite3").write_text("This is no database.\n" * 500)


def _removed(name: str) -> Damage:
    return lambda data: chroma_file(data, name).unlink()


def _emptied(name: str) -> Damage:
    return lambda data: truncate(chroma_file(data, name), 0)


def _truncated(name: str) -> Damage:
    return lambda data: truncate(chroma_file(data, name), 0.5)


def _overwritten(name: str) -> Damage:
    return lambda data: overwrite(chroma_file(data, name), 0, 1)


def _overwritten_in_the_middle(name: str) -> Damage:
    return lambda data: overwrite(chroma_file(data, name), 0.3, 0.6)


# Enough of a damage to each file on every day; all of them where there are minutes.
USUAL = {
    ("header.bin", "overwritten in the middle"),
    ("data_level0.bin", "overwritten in the middle"),
    ("link_lists.bin", "truncated"),
    ("length.bin", "overwritten in the middle"),
    ("chroma.sqlite3", "truncated"),
    ("chroma.sqlite3", "overwritten in the middle"),
}
TO_CHROMA = [
    _the_folder_removed,
    pytest.param(_the_folder_emptied, marks=pytest.mark.slow),
    _the_index_files_removed,
    _the_database_replaced_by_text,
    *(
        pytest.param(damage(name), id=f"{name} {what}", marks=() if (name, what) in USUAL else pytest.mark.slow)
        for name in ("header.bin", "data_level0.bin", "link_lists.bin", "length.bin", "chroma.sqlite3")
        for damage in (_removed, _truncated, _overwritten_in_the_middle, _overwritten, _emptied)
        for what in [damage.__name__.strip("_").replace("_", " ")]
        if not (name == "link_lists.bin" and damage is _emptied)  # it may be empty in an index so small
    ),
]


def assert_answers(index: FolderIndex) -> None:
    hits = index.retrieve(QUESTION)
    assert hits[0].passage.text.startswith("Lot 1107 leaves by gate 1.")


@pytest.mark.parametrize("damage", TO_CHROMA)
def test_a_damaged_chroma_answers_and_is_made_again_with_nothing_embedded(
    built: Built, data: Path, damage: Damage
) -> None:
    damage(data)
    embedder = HashEmbedder()
    index = FolderIndex.open(built.folder, data, embedder)
    assert_answers(index)
    report = index.sync()
    assert report.plan.empty
    assert_answers(index)
    assert embedder.embedded == []
    assert_whole(index)
    assert contents(index) == built.whole
    index.close()


def test_chroma_lost_under_an_open_index_is_answered_without_and_made_again_at_the_next_sync(
    built: Built, data: Path
) -> None:
    embedder = HashEmbedder()
    index = FolderIndex.open(built.folder, data, embedder)
    index.sync()
    for path in chroma(data).rglob("*"):
        if path.is_file():
            overwrite(path, 0, 1)
    assert_answers(index)
    told: list[Progress] = []
    index.sync(told.append)
    restored = [p for p in told if p.stage == "Restoring the search index"]
    assert restored[-1].passages_done == restored[-1].passages_total == FILES * PARAGRAPHS
    assert_answers(index)
    assert embedder.embedded == []
    assert_whole(index)
    assert contents(index) == built.whole
    index.close()


@pytest.mark.parametrize("while_open", [True, False])
def test_a_collection_deleted_on_the_server_is_answered_without_and_made_again(
    built: Built, tmp_path: Path, chroma_server: str, while_open: bool
) -> None:
    embedder = HashEmbedder()
    index = FolderIndex.open(built.folder, tmp_path / "data", embedder, chroma_server)
    index.sync()
    embedder.embedded.clear()
    name = f"footnote-{index.home.name}-{index_dir(tmp_path / 'data').name}"
    if not while_open:
        index.close()
    PassageStore.server(chroma_server, name).drop()
    if not while_open:
        index = FolderIndex.open(built.folder, tmp_path / "data", embedder, chroma_server)
    assert_answers(index)
    index.sync()
    assert_answers(index)
    assert embedder.embedded == []
    assert_whole(index)
    assert contents(index) == built.whole
    index.close()


# The manifest


def _manifest_removed(data: Path) -> None:
    (index_dir(data) / "manifest.sqlite").unlink()


def _manifest_and_its_log_removed(data: Path) -> None:
    for path in index_dir(data).glob("manifest.sqlite*"):
        path.unlink()


def _manifest_replaced_by_text(data: Path) -> None:
    (index_dir(data) / "manifest.sqlite").write_text("This is no database.\n" * 500)


def _manifest_emptied(data: Path) -> None:
    truncate(index_dir(data) / "manifest.sqlite", 0)


def _manifest_truncated(data: Path) -> None:
    truncate(index_dir(data) / "manifest.sqlite", 0.5)


def _manifest_overwritten(data: Path) -> None:
    overwrite(index_dir(data) / "manifest.sqlite", 0, 1)


def _manifest_overwritten_in_the_middle(data: Path) -> None:
    overwrite(index_dir(data) / "manifest.sqlite", 0.3, 0.6)


def _manifest_without_the_page_of_its_values(data: Path) -> None:
    with (index_dir(data) / "manifest.sqlite").open("r+b") as file:
        file.seek(4096)
        file.write(random.Random(1).randbytes(4096))


def _all_of_the_index_removed(data: Path) -> None:
    shutil.rmtree(index_dir(data))


TO_MANIFEST = [
    _manifest_removed,
    pytest.param(_manifest_and_its_log_removed, marks=pytest.mark.slow),
    _manifest_replaced_by_text,
    pytest.param(_manifest_emptied, marks=pytest.mark.slow),
    _manifest_truncated,
    pytest.param(_manifest_overwritten, marks=pytest.mark.slow),
    _manifest_overwritten_in_the_middle,
    _manifest_without_the_page_of_its_values,
    _all_of_the_index_removed,
]


@pytest.mark.parametrize("damage", TO_MANIFEST)
def test_a_damaged_manifest_is_told_and_made_again_from_the_folder(built: Built, data: Path, damage: Damage) -> None:
    damage(data)
    index = FolderIndex.open(built.folder, data, HashEmbedder())
    with suppress(FootnoteError):  # it may answer or say what is wrong, and nothing else
        index.retrieve(QUESTION)
    index.sync()
    assert_answers(index)
    assert_whole(index)
    assert contents(index) == built.whole
    index.close()


def test_a_passage_that_is_no_text_any_more_is_told_and_made_again(built: Built, tmp_path: Path) -> None:
    """SQLite's own check does not see it: the file's structure is sound."""
    data = tmp_path / "data"
    shutil.copytree(built.closed, data)
    manifest = index_dir(data) / "manifest.sqlite"
    manifest.write_bytes(
        manifest.read_bytes().replace(b"Lot 1107 leaves by gate 1.", b"Lot 1107 leaves by g\xff\xfee 1.")
    )
    index = FolderIndex.open(built.folder, data, HashEmbedder())
    index.sync()
    with pytest.raises(FootnoteError, match="Reindex"):
        index.retrieve(QUESTION)
    index.sync()
    assert_answers(index)
    assert_whole(index)
    assert contents(index) == built.whole
    index.close()
