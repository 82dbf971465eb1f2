"""Question -> passages: BM25 and vectors, their scores joined.

Candidates come from both halves; then every candidate gets both scores, computed for it alone, so that a passage is
not punished for having missed the other half's list, and the order does not hang on how an approximate index was
built. The scores are joined as a weighted sum (bench/RESULTS.md has what each half reaches by itself).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import NodeRelationship, NodeWithScore, QueryBundle, RelatedNodeInfo, TextNode

from index.embedding import Embedder, Vectors
from index.manifest import Manifest, place_rows, places_from
from index.terms import question_terms
from index.types import Hit, Passage

CANDIDATES = 100
"""How many passages each half puts forward."""
DENSE_WEIGHT = 0.5
"""The share of the cosine similarity in a score; the rest is BM25's, as a share of the best candidate's."""

# What a node carries for citing and no model should read.
_FOR_CITING = ["content_hash", "ordinal", "start", "end", "line", "places", "similarity"]
# How often a search is done again because the index changed while it ran.
_ATTEMPTS = 5


class Nearest(Protocol):
    """What knows the passages nearest to a vector: Chroma, or the kept embeddings themselves."""

    def nearest(self, vector: Vectors, limit: int) -> list[str]: ...


class KeptVectors:
    """The nearest passages by the manifest's own embeddings, exactly. For a process that may not open the embedded
    Chroma because another one owns it."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._generation = -1
        self._ids: list[str] = []
        self._vectors: Vectors = np.zeros((0, 0), np.float32)

    def nearest(self, vector: Vectors, limit: int) -> list[str]:
        with self._manifest.snapshot():
            if (generation := self._manifest.generation) != self._generation:
                pages = list(self._manifest.all_passages(2000))
                self._ids = [passage.id for passages, _ in pages for passage in passages]
                self._vectors = np.concatenate([vectors for _, vectors in pages]) if pages else self._vectors[:0]
                self._generation = generation
        if not self._ids:
            return []
        order = np.argsort(-(self._vectors @ vector), kind="stable")[:limit]
        return [self._ids[at] for at in order]


class PassageRetriever(BaseRetriever):
    """A llama-index retriever of passages. A node's id is the passage's; its metadata hold source, content_hash,
    ordinal, start, end, line, places and similarity, and its SOURCE relation is the document."""

    def __init__(self, manifest: Manifest, nearest: Nearest, embedder: Embedder, limit: int = 10) -> None:
        super().__init__()
        self._manifest, self._nearest, self._embedder, self._limit = manifest, nearest, embedder, limit

    def find(self, question: str, limit: int | None = None) -> tuple[Hit, ...]:
        """The passages that match the question best, best first, as of one state of the index."""
        vector = self._embedder.embed_query(question)
        wanted = question_terms(question)
        for _ in range(_ATTEMPTS):
            with self._manifest.snapshot():
                generation = self._manifest.generation
                by_terms = dict(self._manifest.search_terms(wanted, CANDIDATES))
                ids = list(dict.fromkeys([*by_terms, *self._nearest.nearest(vector, CANDIDATES)]))
                passages, vectors = self._manifest.passages(ids), self._manifest.vectors(ids)
            # Chroma is not part of the snapshot: if the index went on meanwhile, its list is of another state.
            if self._manifest.generation == generation:
                break
        hits = _scored(passages, vectors, by_terms, vector)
        return tuple(hits[: self._limit if limit is None else limit])

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return [_node(hit) for hit in self.find(query_bundle.query_str)]


def _scored(
    passages: dict[str, Passage], vectors: dict[str, Vectors], by_terms: dict[str, float], question: Vectors
) -> list[Hit]:
    best = max(by_terms.values(), default=0.0)
    hits = []
    for id_, passage in passages.items():
        similarity = float(vectors[id_] @ question)
        lexical = by_terms.get(id_, 0.0) / best if best > 0 else 0.0
        hits.append(Hit(passage, DENSE_WEIGHT * similarity + (1 - DENSE_WEIGHT) * lexical, similarity))
    return sorted(hits, key=lambda hit: (-hit.score, hit.passage.source, hit.passage.start))


def _node(hit: Hit) -> NodeWithScore:
    passage = hit.passage
    node = TextNode(
        id_=passage.id,
        text=passage.text,
        metadata={
            "source": passage.source,
            "content_hash": passage.content_hash,
            "ordinal": passage.ordinal,
            "start": passage.start,
            "end": passage.end,
            "line": passage.line,
            "places": place_rows(passage.places),
            "similarity": hit.similarity,
        },
        excluded_embed_metadata_keys=_FOR_CITING,
        excluded_llm_metadata_keys=_FOR_CITING,
    )
    node.relationships[NodeRelationship.SOURCE] = RelatedNodeInfo(node_id=passage.source, hash=passage.content_hash)
    return NodeWithScore(node=node, score=hit.score)


def hits_of(nodes: Sequence[NodeWithScore]) -> tuple[Hit, ...]:
    """What the retriever's nodes stand for."""
    return tuple(
        Hit(
            Passage(
                id=found.node.node_id,
                source=found.node.metadata["source"],
                content_hash=found.node.metadata["content_hash"],
                ordinal=found.node.metadata["ordinal"],
                start=found.node.metadata["start"],
                end=found.node.metadata["end"],
                line=found.node.metadata["line"],
                places=places_from(found.node.metadata["places"]),
                text=found.node.get_content(),
            ),
            score=found.score or 0.0,
            similarity=found.node.metadata["similarity"],
        )
        for found in nodes
    )
