"""The disk is full at any write of a sync: nothing is lost, it is said in a sentence, and the next sync mends it all.

The pass rule, for every write: the sync ends by itself, with success or with one sentence; no file of the folder
changes; and the next sync, with room on the disk, leaves an index equal to a clean build.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import servers
from contents import assert_whole, contents
from hash_embedder import HashEmbedder
from test_crash import clean_build

from index.folder import FolderIndex

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def kitchen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[str]]:
    """The kitchen with a disk that can be made full."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("needs Linux and a C compiler")
    disk = tmp_path_factory.mktemp("disk") / "full_disk.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", HERE / "full_disk.c", "-o", disk, "-ldl"], check=True)
    with servers.forking(HERE / "kitchen.py", LD_PRELOAD=str(disk)) as process:
        yield process


def sync_on_full_disk(kitchen: subprocess.Popen[str], folder: Path, data: Path, refused: int, once: bool) -> int:
    """The exit code of a sync in a process of its own."""
    assert kitchen.stdin is not None
    assert kitchen.stdout is not None
    kitchen.stdin.write(json.dumps([str(folder), str(data), refused, int(once)]) + "\n")
    kitchen.stdin.flush()
    kitchen.stdout.readline()
    return os.waitstatus_to_exitcode(int(kitchen.stdout.readline()))


def hashes(folder: Path) -> dict[str, bytes]:
    return {path.name: hashlib.sha256(path.read_bytes()).digest() for path in folder.iterdir()}


@pytest.mark.parametrize(
    "once", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["from that one on", "that one alone"]
)
@pytest.mark.parametrize("step", [163, pytest.param(1, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])])
def test_whichever_write_is_refused_the_next_sync_ends_equal_to_a_clean_build(
    kitchen: subprocess.Popen[str], tmp_path: Path, step: int, once: bool
) -> None:
    folder, before = tmp_path / "folder", tmp_path / "before"
    folder.mkdir()
    for number in range(8):
        (folder / f"{number}.txt").write_text(f"Report {number} is about engine {number}. " * 40)
    clean_build(folder, before)
    # One of each: changed, renamed, removed, added.
    (folder / "0.txt").write_text("Report 0 is about a river now. " * 40)
    (folder / "1.txt").rename(folder / "moved.txt")
    (folder / "2.txt").unlink()
    (folder / "new.txt").write_text("A new report about a bridge. " * 40)
    files, clean = hashes(folder), clean_build(folder, tmp_path / "clean")
    codes = []
    for refused in range(0, 10_000, step):
        data = tmp_path / f"data {refused}"
        shutil.copytree(before, data)
        codes.append(sync_on_full_disk(kitchen, folder, data, refused, once))
        assert codes[-1] in (0, 3, 4), f"write {refused}"
        assert hashes(folder) == files
        index = FolderIndex.open(folder, data, HashEmbedder())
        index.sync()
        assert_whole(index)
        found = contents(index)
        index.close()
        assert found == clean, f"write {refused}"
        shutil.rmtree(data)
        if codes[-1] == 4:
            break
    print(f"{len(codes)} writes tried: {codes.count(3)} told in a sentence, {codes.count(0)} mended within the sync")
    assert codes[-1] == 4, "the last writes were not tried"
    assert codes.count(3) > len(codes) // 4, "hardly any write was refused; nothing was tried"
