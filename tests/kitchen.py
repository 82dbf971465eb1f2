"""Forks syncs that can be killed. Everything slow is imported once, before the first fork.

python tests/kitchen.py     reads lines of JSON [folder, data folder]; for each prints the pid of a process that
                            syncs that folder, then, once it has ended, how it ended
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import chromadb  # noqa: F401  imported for its forks
from hash_embedder import HashEmbedder

from index.folder import FolderIndex


def main() -> None:
    for line in sys.stdin:
        folder, data = json.loads(line)
        pid = os.fork()
        if pid == 0:
            index = FolderIndex.open(Path(folder), Path(data), HashEmbedder())
            index.sync()
            index.close()
            os._exit(0)
        print(pid, flush=True)
        print(os.waitpid(pid, 0)[1], flush=True)


if __name__ == "__main__":
    main()
