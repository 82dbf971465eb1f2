"""Whether an embedded Chroma can be opened and searched, found out in a process of its own.

A Chroma whose files were torn may not raise an error but end the process that searches it (a truncated header.bin or
overwritten vectors do, chromadb 1.5.9). So one that was not closed in order is first opened where that does no harm.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from index.embedding import Vectors
from index.processes import command_of

# Of the sampled passages, so many must be found among those nearest to their own vector. A whole index finds all of
# them but for near copies; one that lost a part of its vectors finds half or fewer.
_FOUND = 0.9
_NEAREST = 50
_SECONDS = 120
# How far a number of a vector may be off where Chroma gives it back: it keeps a unit vector and its length apart.
_OFF = 1e-4


def is_searchable(path: Path, collection: str, sample: Sequence[tuple[str, Vectors]]) -> bool:
    """Whether the Chroma in `path` lists its ids, holds the vectors of `sample` and finds their passages by them."""
    request = json.dumps([str(path), collection, [(id_, vector.tolist()) for id_, vector in sample]])
    command = command_of("index.probing")
    try:
        ended = subprocess.run(command, input=request, text=True, capture_output=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return False
    return ended.returncode == 0


def _probe(path: Path, collection: str, sample: Sequence[tuple[str, list[float]]]) -> bool:
    import numpy as np

    from index.store import PassageStore

    store = PassageStore.embedded(path, collection)
    held = set(store.ids())
    wanted = [(id_, vector) for id_, vector in sample if id_ in held]
    kept = store.vectors([id_ for id_, _ in wanted])
    if not all(np.allclose(kept[id_], vector, atol=_OFF) for id_, vector in wanted):
        return False
    found = sum(id_ in store.nearest(np.asarray(vector, np.float32), _NEAREST) for id_, vector in wanted)
    return found >= _FOUND * len(wanted)


if __name__ == "__main__":
    path, collection, sample = json.loads(sys.stdin.read())
    sys.exit(0 if _probe(Path(path), collection, sample) else 1)
