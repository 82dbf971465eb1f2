"""Chroma, compared with the manifest and made equal to it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np

from index.embedding import Vectors
from index.manifest import Manifest
from index.store import PAGE, PassageStore, stored_about
from index.tracking import OnProgress
from index.types import Progress


def mend(manifest: Manifest, store: PassageStore, on_progress: OnProgress = lambda _: None) -> int:
    """Make Chroma equal to the manifest, from kept embeddings; the number of rows written or deleted."""
    wanted, held = manifest.passage_ids(), set(store.ids())
    extra = sorted(held - wanted)
    store.delete(extra)
    manifest.clear_strays(manifest.strays())
    missing = wanted - held
    if missing:
        done = 0
        for passages, vectors in manifest.all_passages(PAGE):
            lacking = [at for at, passage in enumerate(passages) if passage.id in missing]
            if lacking:
                store.upsert([passages[at] for at in lacking], vectors[lacking])
                done += len(lacking)
                on_progress(Progress("Restoring the search index", passages[-1].source, 0, 0, done, len(missing)))
    return len(extra) + len(missing)


def unlike(manifest: Manifest, store: PassageStore) -> int:
    """How many passages Chroma lacks, has too many, or holds otherwise than the manifest says."""
    wanted: dict[str, tuple[bytes, Vectors]] = {}
    for passages, vectors in manifest.all_passages(PAGE):
        for passage, vector in zip(passages, vectors, strict=True):
            wanted[passage.id] = _digest(passage.text, stored_about(passage)), vector
    differing = 0
    for id_, text, about, vector in store.rows():
        digest, kept = wanted.pop(id_, (b"", vector))
        differing += digest != _digest(text, about) or not np.allclose(vector, kept, atol=1e-6)
    return differing + len(wanted)


def _digest(text: str | None, about: Mapping[str, object] | None) -> bytes:
    return hashlib.sha256(repr((text, sorted((about or {}).items()))).encode("utf-8", "surrogatepass")).digest()
