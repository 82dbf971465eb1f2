"""Forks syncs that can be killed, or whose disk is full. Everything slow is imported once, before the first fork.

python tests/kitchen.py     reads lines of JSON [folder, data folder]; for each prints the pid of a process that
                            syncs that folder, then, once it has ended, how it ended. With two numbers more, and
                            full_disk.c loaded, that process's writes are refused from the one of the first number on,
                            or that one alone if the second is 1; it exits with 3 if it said so in a sentence, and with
                            4 if it came to its end before so many writes.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from pathlib import Path

import chromadb  # noqa: F401  imported for its forks
from hash_embedder import HashEmbedder

from index.errors import FootnoteError
from index.folder import FolderIndex


def main() -> None:
    for line in sys.stdin:
        folder, data, *full = json.loads(line)
        pid = os.fork()
        if pid == 0:
            os._exit(_sync(Path(folder), Path(data), *full))
        print(pid, flush=True)
        print(os.waitpid(pid, 0)[1], flush=True)


def _sync(folder: Path, data: Path, refused: int | None = None, once: int = 0) -> int:
    disk = ctypes.CDLL(None)
    if refused is not None:
        disk.refuse_writes(refused, once)
    try:
        index = FolderIndex.open(folder, data, HashEmbedder())
        index.sync()
        index.close()
    except FootnoteError as fault:
        return 3 if str(fault).endswith(".") else 1
    return 4 if refused is not None and disk.writes_seen() <= refused else 0


if __name__ == "__main__":
    main()
