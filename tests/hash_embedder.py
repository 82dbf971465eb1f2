"""A stand-in for the embedding model where hundreds of indexes are built: instant, deterministic, and it counts.

A text's vector is the normalised sum of one fixed direction a word, so texts that share words are near to each other.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from index.embedding import Vectors
from index.errors import EmbeddingFailed

DIMENSIONS = 32

_WORD = re.compile(r"\w+|[^\w\s]")


class HashEmbedder:
    """`embedded` lists every text embedded as a passage, in order. While `broken` is set, embedding fails."""

    dimensions = DIMENSIONS
    at_once = 128

    def __init__(self, fingerprint: str = "hash/32") -> None:
        self.fingerprint = fingerprint
        self.embedded: list[str] = []
        self.broken = False

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(_WORD.findall(text)) for text in texts]

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        if self.broken:
            raise EmbeddingFailed("The embedding model is out of order.")
        self.embedded.extend(texts)
        return np.stack([_vector(text) for text in texts]) if texts else np.empty((0, DIMENSIONS), np.float32)

    def embed_query(self, text: str) -> Vectors:
        return _vector(text)


class HashElsewhere(HashEmbedder):
    """As if other machines did it: a text is embedded when it is handed out, and what failed is told when it is waited
    for."""

    at_once = 32

    def begin(self, texts: Sequence[str]) -> Callable[[], Vectors]:
        broken = self.broken
        vectors = np.empty((0, DIMENSIONS), np.float32) if broken else self.embed_passages(texts)

        def waited_for() -> Vectors:
            if broken:
                raise EmbeddingFailed("The embedding model is out of order.")
            return vectors

        return waited_for


def _vector(text: str) -> Vectors:
    total = np.sum([_direction(word) for word in _WORD.findall(text.lower())] or [_direction("")], axis=0)
    vector: Vectors = (total / np.linalg.norm(total)).astype(np.float32)
    return vector


@cache
def _direction(word: str) -> Vectors:
    seed = int.from_bytes(hashlib.sha256(word.encode("utf-8", "surrogatepass")).digest()[:8], "big")
    return np.random.default_rng(seed).standard_normal(DIMENSIONS).astype(np.float32)
