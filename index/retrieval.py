"""Question -> passages: vectors and BM25, joined.

Both halves put candidates forward; then every candidate is scored in full, so that a passage is not punished for having
missed the other half's list, and the order does not hang on how an approximate index was built. A score is

    0.15 cos(question, passage) + 0.35 max over its sentences cos(question, sentence)
    + (0.25 BM25(passage) + 0.25 BM25(passage and its neighbours)) / sum of the question's idf

BM25 (Robertson and Zaragoza 2009) is taken without its (k1 + 1) factor, so that each lexical part is a share of the most
a text could reach, and a score means the same in every folder. bench/RESULTS.md has what each part adds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import NodeRelationship, NodeWithScore, QueryBundle, RelatedNodeInfo, TextNode

from index.embedding import Embedder, Vectors
from index.manifest import (
    Candidate,
    Manifest,
    TermStatistics,
    metadata_fields,
    place_rows,
    places_from,
    spans_from,
)
from index.rarity import idf
from index.scope import EVERYTHING, Scope
from index.terms import question_terms
from index.types import Hit, Metadata, Passage

CANDIDATES = 100
"""How many passages each half puts forward."""

FEW = 3000
"""So many passages of a scope are compared with the question one by one; for more, a wider search is sieved. Chroma's
own `where` took 30 times as long as a search without it (100,000 passages)."""

_PASSAGE, _SENTENCE, _TERMS, _WINDOW = 0.15, 0.35, 0.25, 0.25
# Term saturation, and how far length counts: less in a passage, whose length the splitter chose.
_K1, _B_PASSAGE, _B_WINDOW = 1.2, 0.5, 0.75

# What a node carries for citing and no model should read.
_FOR_CITING = ["content_hash", "ordinal", "start", "end", "line", "places", "sentences", "similarities", "about"]
# Past so many passages a search in Chroma takes longer than comparing them all.
_WIDEST = 5000
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
                self._ids, self._vectors = self._manifest.vectors_in(EVERYTHING)
                self._generation = generation
        return nearest_of(self._ids, self._vectors, vector, limit)


def nearest_of(ids: Sequence[str], vectors: Vectors, vector: Vectors, limit: int) -> list[str]:
    """Those of `ids` whose vectors, shape (len(ids), dimensions), are nearest to one of shape (dimensions,)."""
    if not ids:
        return []
    order = np.argsort(-(vectors @ vector), kind="stable")[:limit]
    return [ids[at] for at in order]


class PassageRetriever(BaseRetriever):
    """A llama-index retriever of passages. A node's id is the passage's; its metadata hold source, title, content_hash,
    ordinal, start, end, line, places, sentences, similarities and about, what its file says of itself; its SOURCE
    relation is the document."""

    def __init__(
        self, manifest: Manifest, nearest: Nearest, embedder: Embedder, limit: int = 10, scope: Scope = EVERYTHING
    ) -> None:
        super().__init__()
        self._manifest, self._nearest, self._embedder, self._limit = manifest, nearest, embedder, limit
        self._scope = scope
        self._statistics = (-1, TermStatistics(0, 0.0, 0.0))

    def giving(self, limit: int, scope: Scope) -> PassageRetriever:
        """The same retriever, giving so many passages of a scope."""
        other = copy(self)
        other._limit, other._scope = limit, scope
        return other

    def find(self, question: str) -> tuple[Hit, ...]:
        """The passages that match the question best, best first, as of one state of the index."""
        vector = self._embedder.embed_query(question)
        wanted = question_terms(question)
        for _ in range(_ATTEMPTS):
            with self._manifest.snapshot():
                generation = self._manifest.generation
                by_terms = self._manifest.search_terms(wanted, CANDIDATES, self._scope)
                by_vector = self._nearest_in_scope(vector)
                candidates = self._manifest.candidates(list(dict.fromkeys([*by_terms, *by_vector])))
                statistics = self._current_statistics(generation)
                weights = self._weights(wanted, statistics)
            # Chroma is not part of the snapshot: if the index went on meanwhile, its list is of another state.
            if self._manifest.generation == generation:
                break
        scored = [_Scored.of(candidate, vector, weights, statistics) for candidate in candidates]
        scored.sort(key=lambda one: (-one.score, one.candidate.source, one.candidate.start))
        return tuple(
            Hit(one.candidate.passage, one.score, tuple(float(s) for s in one.similarities))
            for one in scored[: self._limit]
        )

    def term_weights(self, question: str) -> dict[str, float]:
        """What each term of the question tells in this collection: its inverse document frequency."""
        with self._manifest.snapshot():
            statistics = self._current_statistics(self._manifest.generation)
            return self._weights(question_terms(question), statistics)

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return [_node(hit) for hit in self.find(query_bundle.query_str)]

    def _nearest_in_scope(self, vector: Vectors) -> list[str]:
        if self._scope.is_everything:
            return self._nearest.nearest(vector, CANDIDATES)
        inside = self._manifest.passages_in(self._scope)
        if inside > FEW:
            # Twice as many as would hold enough of the scope if it lay evenly among all; else as many as pay.
            evenly = 2 * CANDIDATES * self._manifest.passages_in(EVERYTHING) // inside
            for limit in sorted({min(evenly, _WIDEST), _WIDEST}):
                found = self._manifest.those_in(self._scope, self._nearest.nearest(vector, limit))
                if len(found) >= CANDIDATES:
                    return found[:CANDIDATES]
        ids, vectors = self._manifest.vectors_in(self._scope)
        return nearest_of(ids, vectors, vector, CANDIDATES)

    def _weights(self, wanted: Sequence[str], statistics: TermStatistics) -> dict[str, float]:
        return {term: idf(term, self._manifest.holding(term), statistics.passages) for term in wanted}

    def _current_statistics(self, generation: int) -> TermStatistics:
        known, statistics = self._statistics
        if known != generation:
            statistics = self._manifest.term_statistics()
            self._statistics = (generation, statistics)
        return statistics


@dataclass(frozen=True, slots=True)
class _Scored:
    """A candidate, its score, and the cosines of its sentences to the question, shape (sentences,)."""

    candidate: Candidate
    score: float
    similarities: Vectors

    @classmethod
    def of(
        cls, candidate: Candidate, question: Vectors, weights: Mapping[str, float], statistics: TermStatistics
    ) -> _Scored:
        similarities = candidate.sentence_vectors @ question
        lexical = _TERMS * _bm25(weights, candidate.terms, statistics.mean_terms, _B_PASSAGE)
        lexical += _WINDOW * _bm25(weights, candidate.window, statistics.mean_window, _B_WINDOW)
        score = _PASSAGE * float(candidate.vector @ question) + _SENTENCE * float(similarities.max(initial=0.0))
        score += lexical / (sum(weights.values()) or 1.0)
        return cls(candidate, score, similarities)


def _bm25(weights: Mapping[str, float], terms: str, mean_length: float, b: float) -> float:
    """Of terms that each have a space of their own on either side."""
    norm = _K1 * (1 - b + b * (terms.count(" ") / 2) / (mean_length or 1.0))
    total = 0.0
    for term, weight in weights.items():
        if count := terms.count(f" {term} "):
            total += weight * count / (count + norm)
    return total


def _node(hit: Hit) -> NodeWithScore:
    passage = hit.passage
    node = TextNode(
        id_=passage.id,
        text=passage.text,
        metadata={
            "source": passage.source,
            "title": passage.title,
            "content_hash": passage.content_hash,
            "ordinal": passage.ordinal,
            "start": passage.start,
            "end": passage.end,
            "line": passage.line,
            "places": place_rows(passage.places),
            "sentences": passage.sentences,
            "similarities": hit.similarities,
            "about": metadata_fields(passage.metadata),
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
                sentences=spans_from(found.node.metadata["sentences"]),
                title=found.node.metadata["title"],
                text=found.node.get_content(),
                metadata=Metadata(**found.node.metadata["about"]),
            ),
            score=found.score or 0.0,
            similarities=tuple(found.node.metadata["similarities"]),
        )
        for found in nodes
    )
