"""A sync is killed at any instant, and the next one ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import servers
from contents import Contents, assert_whole, contents
from hash_embedder import HashEmbedder
from texts import WORDS

from index.folder import FolderIndex


@pytest.fixture(scope="module")
def kitchen() -> Iterator[subprocess.Popen[str]]:
    with servers.forking(Path(__file__).with_name("kitchen.py")) as process:
        yield process


def sync_and_kill(kitchen: subprocess.Popen[str], folder: Path, data: Path, after: float) -> bool:
    """Start a sync in a process of its own and kill it so many seconds later; whether it was still running then."""
    assert kitchen.stdin is not None
    assert kitchen.stdout is not None
    kitchen.stdin.write(json.dumps([str(folder), str(data)]) + "\n")
    kitchen.stdin.flush()
    pid = int(kitchen.stdout.readline())
    time.sleep(after)
    with suppress(ProcessLookupError):  # it has ended by itself
        os.kill(pid, signal.SIGKILL)
    return int(kitchen.stdout.readline()) == signal.SIGKILL


def text(chance: random.Random) -> str:
    sentences = chance.randint(1, 60)
    return " ".join(f"The {' '.join(chance.choices(WORDS, k=8))} {chance.randint(0, 9999)}." for _ in range(sentences))


def change(folder: Path, chance: random.Random) -> None:
    """A few files more, changed, renamed, copied and deleted."""
    for _ in range(chance.randint(1, 8)):
        files = sorted(path for path in folder.rglob("*.txt"))
        match chance.choice(["add", "add", "change", "rename", "copy", "delete"]):
            case "add":
                path = folder / chance.choice(["", "a", "b/c"]) / f"{chance.randint(0, 999)}.txt"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text(chance))
            case "change" if files:
                chance.choice(files).write_text(text(chance))
            case "rename" if files:
                chance.choice(files).rename(folder / f"moved {chance.randint(0, 999)}.txt")
            case "copy" if files:
                (folder / f"copy {chance.randint(0, 999)}.txt").write_bytes(chance.choice(files).read_bytes())
            case "delete" if len(files) > 3:
                chance.choice(files).unlink()


def kept_vectors(data: Path) -> set[bytes]:
    """The keys of the embeddings that the killed process had kept."""
    keys: set[bytes] = set()
    for manifest in data.glob("folders/*/index-*/manifest.sqlite"):
        connection = sqlite3.connect(manifest)
        try:
            keys |= {row[0] for row in connection.execute("SELECT key FROM vectors")}
        except sqlite3.OperationalError:
            continue  # killed before the tables were made
        finally:
            connection.close()
    return keys


def clean_build(folder: Path, data: Path) -> Contents:
    index = FolderIndex.open(folder, data, HashEmbedder())
    index.sync()
    try:
        return contents(index)
    finally:
        index.close()


@pytest.mark.parametrize("kills", [6, pytest.param(200, marks=[pytest.mark.slow, pytest.mark.timeout(7200)])])
def test_killed_at_any_instant_the_next_sync_ends_equal_to_a_clean_build(
    kitchen: subprocess.Popen[str], tmp_path: Path, kills: int
) -> None:
    chance = random.Random(kills)
    folder, data = tmp_path / "folder", tmp_path / "data"
    folder.mkdir()
    # How long a sync takes here, so that the instants are spread over the whole of one.
    for _ in range(5):
        change(folder, chance)
    clean_build(folder, tmp_path / "imported")
    started = time.monotonic()
    clean_build(folder, tmp_path / "timed")
    longest = 1.3 * (time.monotonic() - started)
    killed = 0
    for kill in range(kills):
        change(folder, chance)
        killed += sync_and_kill(kitchen, folder, data, chance.uniform(0, longest))
        before = kept_vectors(data)
        index = FolderIndex.open(folder, data, HashEmbedder())
        report = index.sync()
        if report.gone:
            index.forget_gone()
            index.sync()
        assert_whole(index)
        found = contents(index)
        index.close()
        assert report.embedded == len(found.vectors.keys() - before), "what was embedded before the kill is not again"
        clean = clean_build(folder, tmp_path / f"clean {kill}")
        assert replace(found, files={}) == replace(clean, files={}), f"kill {kill}"
        assert found.files.keys() == clean.files.keys()
    assert killed > kills // 4, "most syncs had ended before they were killed; nothing was tried"
