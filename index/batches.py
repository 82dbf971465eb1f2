"""Passages given out to be embedded together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from index.embedding import Embedder, EmbedsElsewhere, Vectors
from index.types import Passage


@dataclass(frozen=True, slots=True)
class Batch:
    """Passages that are given out to be embedded together, each under its document's title, and each one's sentences."""

    keys: list[bytes]
    passages: list[Passage]
    _vectors: Callable[[], Vectors]

    @classmethod
    def of(cls, embedder: Embedder, keys: list[bytes], passages: list[Passage]) -> Batch:
        """Where other machines embed, they begin now; otherwise it is done when it is waited for. May raise
        EmbeddingFailed."""
        texts = [texts_of(passage) for passage in passages]
        flat = [first for first, *_ in texts] + [text for _, *rest in texts for text in rest]
        if isinstance(embedder, EmbedsElsewhere):
            return cls(keys, passages, embedder.begin(flat))
        return cls(keys, passages, lambda: embedder.embed_passages(flat))

    def embedded(self) -> tuple[Vectors, list[Vectors]]:
        """The passages' vectors, shape (passages, dimensions), and those of each one's sentences. Raises
        EmbeddingFailed."""
        vectors = self._vectors()
        borders = np.cumsum([len(passage.sentences) for passage in self.passages])[:-1]
        return vectors[: len(self.passages)], np.split(vectors[len(self.passages) :], borders)


def texts_of(passage: Passage) -> list[str]:
    """What is embedded of a passage: itself under its document's title, then each of its sentences."""
    text = passage.text.strip()
    titled = text if text.startswith(passage.title) else f"{passage.title}\n{text}"
    return [titled, *(passage.text[s - passage.start : e - passage.start].strip() for s, e in passage.sentences)]
