"""Question -> passages: vectors and BM25, joined.

Both halves put candidates forward; then every candidate is scored in full, so that a passage is not punished for having
missed the other half's list, and the order does not hang on how an approximate index was built. A score is

    0.15 cos(question, passage) + 0.35 max over its sentences cos(question, sentence)
    + (0.25 BM25(passage) + 0.25 BM25(passage and its neighbours)) / sum of the question's idf

BM25 (Robertson and Zaragoza 2009) is taken without its (k1 + 1) factor, so that each lexical part is a share of the most
a text could reach, and a score means the same in every folder. bench/RESULTS.md has what each part adds.

Candidates are found and scored in columns (`index.columns`) where there are some of the index as it is now, else in the
manifest's tables: the same passages in the same order, at a tenth of the speed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.column_copies import KeptColumns
from index.columns import Columns, Counted, Part, Rows
from index.embedding import Embedder, Vectors
from index.manifest import Manifest
from index.rarity import idf
from index.scope import EVERYTHING, Scope
from index.store import PassageStore
from index.tables import Candidate, Tables, TermStatistics
from index.terms import question_terms
from index.types import Hit

CANDIDATES = 100
"""How many passages each half puts forward."""

FEW = 3000
"""So many passages of a scope are compared with the question one by one; for more, a wider search is sieved. Chroma's
own `where` took 30 times as long as a search without it (100,000 passages)."""

FEW_IN_COLUMNS = 200_000
"""The same where vectors lie in columns: of the rows that hold a scope's passages. Going through so many takes about 13
ms; of a tenth of a million passages, a search wide enough took 30."""

_PASSAGE, _SENTENCE, _TERMS, _WINDOW = 0.15, 0.35, 0.25, 0.25
# Term saturation, and how far length counts: less in a passage, whose length the splitter chose.
_K1, _B_PASSAGE, _B_WINDOW = 1.2, 0.5, 0.75
# Sums made in another order differ in their last digits, which must not decide what comes first: so cosines are reckoned
# in float64, and scores rounded to so many digits.
_DIGITS = 6
# Further than a score reckoned in float32 is from the exact one: 384 products of unit vectors are off by 3e-5 at most.
_CLOSE = 1e-4

# Past so many passages a search in Chroma takes longer than comparing them all.
_WIDEST = 5000
# How often a search is done again because the index changed while it ran.
_ATTEMPTS = 5


class Finder:
    """Finds passages by one manifest. Safe to use from several threads.

    The nearest are looked for in `store`; without one, in the kept embeddings, exactly: for a process that may not open
    the embedded Chroma because another one owns it, or need not because it asks but one question.
    """

    def __init__(self, manifest: Manifest, store: PassageStore | None, embedder: Embedder) -> None:
        self._manifest, self._store, self._embedder = manifest, store, embedder
        self._tables = Tables(manifest)
        self._columns = KeptColumns(manifest)
        self._statistics = (-1, TermStatistics(0, 0.0, 0.0))
        self._vectors: tuple[int, Sequence[str], Vectors] = (-1, (), np.zeros((0, 0), np.float32))

    def find(self, question: str, limit: int = 10, scope: Scope = EVERYTHING) -> tuple[Hit, ...]:
        """The passages of the scope that match the question best, best first, as of one state of the index."""
        vector = self._embedder.embed_query(question)
        wanted = question_terms(question)
        hits: tuple[Hit, ...] = ()
        for _ in range(_ATTEMPTS):
            with self._manifest.snapshot():
                generation = self._manifest.generation
                columns = self._columns.of(generation)
                if columns is not None:
                    hits = self._by_columns(columns, vector, wanted, limit, scope)
                else:
                    hits = self._by_tables(generation, vector, wanted, limit, scope)
            # Chroma is not part of the snapshot: if the index went on meanwhile, its list is of another state.
            if self._manifest.generation == generation:
                break
        return hits

    def term_weights(self, question: str) -> dict[str, float]:
        """What each term of the question tells in this collection: its inverse document frequency."""
        wanted = question_terms(question)
        columns = self._columns.of(self._manifest.generation)
        if columns is not None:
            return _weights(columns, wanted, columns.statistics.passages)
        with self._manifest.snapshot():
            statistics = self._current_statistics(self._manifest.generation)
            return _weights(self._tables, wanted, statistics.passages)

    # In columns

    def _by_columns(
        self, columns: Columns, vector: Vectors, wanted: Sequence[str], limit: int, scope: Scope
    ) -> tuple[Hit, ...]:
        weights = _weights(columns, wanted, columns.statistics.passages)
        part = columns.part(scope)
        by_terms = columns.search_terms(wanted, CANDIDATES, part)
        rows = np.union1d(by_terms, self._nearest_in_columns(columns, vector, part))
        if not len(rows):
            return ()
        idfs = np.array(list(weights.values()))
        own, window = columns.counted(rows, list(weights))
        lexical = _TERMS * _saturated(idfs, own, columns.statistics.mean_terms, _B_PASSAGE)
        lexical += _WINDOW * _saturated(idfs, window, columns.statistics.mean_window, _B_WINDOW)
        lexical /= idfs.sum() or 1.0
        if len(rows) > limit:
            # Exact only for those that can be among the best: to widen all the sentences' vectors is most of the work.
            about = lexical + _dense(*columns.similarities(rows, vector))
            near = about >= np.partition(about, -limit)[-limit] - _CLOSE
            rows, lexical = rows[near], lexical[near]
        similarities, of_sentences, borders = columns.similarities(rows, vector.astype(np.float64))
        scores = np.round(_dense(similarities, of_sentences, borders) + lexical, _DIGITS)
        best = columns.ranked(rows, scores)[:limit]
        passages = self._manifest.passages_numbered(columns.numbers_of(rows[best]).tolist())
        return tuple(
            Hit(passage, float(scores[at]), tuple(of_sentences[borders[at] : borders[at + 1]].tolist()))
            for at, passage in zip(best, passages, strict=True)
        )

    def _nearest_in_columns(self, columns: Columns, vector: Vectors, part: Part) -> Rows:
        if self._store is None:
            return columns.nearest(vector, CANDIDATES, part)
        if part.passages == columns.statistics.passages:
            return columns.rows(self._store.nearest(vector, CANDIDATES))
        if part.spanned > FEW_IN_COLUMNS:
            for limit in _wider(columns.statistics.passages, part.passages):
                found = columns.rows(self._store.nearest(vector, limit))
                found = found[part.inside[found]]
                if len(found) >= CANDIDATES:
                    return found[:CANDIDATES]
        return columns.nearest(vector, CANDIDATES, part)

    # In tables

    def _by_tables(
        self, generation: int, vector: Vectors, wanted: Sequence[str], limit: int, scope: Scope
    ) -> tuple[Hit, ...]:
        by_terms = self._tables.search_terms(wanted, CANDIDATES, scope)
        by_vector = self._nearest_in_tables(generation, vector, scope)
        candidates = self._tables.candidates(list(dict.fromkeys([*by_terms, *by_vector])))
        statistics = self._current_statistics(generation)
        weights = _weights(self._tables, wanted, statistics.passages)
        exact = vector.astype(np.float64)
        scored = [_Scored.of(candidate, exact, weights, statistics) for candidate in candidates]
        scored.sort(key=lambda one: (-one.score, one.candidate.source, one.candidate.start))
        return tuple(Hit(one.candidate.passage, one.score, tuple(one.similarities.tolist())) for one in scored[:limit])

    def _nearest_in_tables(self, generation: int, vector: Vectors, scope: Scope) -> list[str]:
        if scope.is_everything:
            if self._store is not None:
                return self._store.nearest(vector, CANDIDATES)
            if self._vectors[0] != generation:
                self._vectors = (generation, *self._tables.vectors_in(EVERYTHING))
            return nearest_of(*self._vectors[1:], vector, CANDIDATES)
        inside = self._manifest.passages_in(scope)
        if inside > FEW and self._store is not None:
            for limit in _wider(self._manifest.passages_in(EVERYTHING), inside):
                found = self._tables.those_in(scope, self._store.nearest(vector, limit))
                if len(found) >= CANDIDATES:
                    return found[:CANDIDATES]
        return nearest_of(*self._tables.vectors_in(scope), vector, CANDIDATES)

    def _current_statistics(self, generation: int) -> TermStatistics:
        known, statistics = self._statistics
        if known != generation:
            statistics = self._tables.term_statistics()
            self._statistics = (generation, statistics)
        return statistics


def _wider(passages: int, inside: int) -> list[int]:
    """How many of all passages to look for so that enough of the scope are among them: half as many again as would
    hold them if it lay evenly among all, then four times as many, then as many as pay."""
    evenly = 3 * CANDIDATES * passages // (2 * inside)
    return sorted({min(evenly, _WIDEST), min(4 * evenly, _WIDEST), _WIDEST})


def nearest_of(ids: Sequence[str], vectors: Vectors, vector: Vectors, limit: int) -> list[str]:
    """Those of `ids` whose vectors, shape (len(ids), dimensions), are nearest to one of shape (dimensions,)."""
    if not ids:
        return []
    order = np.argsort(-(vectors @ vector), kind="stable")[:limit]
    return [ids[at] for at in order]


def _weights(held: Tables | Columns, wanted: Sequence[str], passages: int) -> dict[str, float]:
    return {term: idf(term, held.holding(term), passages) for term in wanted}


def _dense(
    similarities: NDArray[np.float64], of_sentences: NDArray[np.float64], borders: NDArray[np.int64]
) -> NDArray[np.float64]:
    """What the cosines of passages and of their sentences add to a score."""
    return _PASSAGE * similarities + _SENTENCE * _highest(of_sentences, borders)


def _highest(values: NDArray[np.float64], borders: NDArray[np.int64]) -> NDArray[np.float64]:
    """The highest value of each stretch between borders, and no less than 0, which an empty one has."""
    found = np.zeros(len(borders) - 1)
    held = np.diff(borders) > 0
    if held.any():
        found[held] = np.maximum(np.maximum.reduceat(values, borders[:-1][held]), 0.0)
    return found


def _saturated(idfs: NDArray[np.float64], texts: Counted, mean_length: float, b: float) -> NDArray[np.float64]:
    """BM25 of texts, shape (texts,), by what they hold of terms with these idfs."""
    norms = _K1 * (1 - b + b * texts.lengths / (mean_length or 1.0))
    bm25: NDArray[np.float64] = idfs @ (texts.counts / (texts.counts + norms))
    return bm25


@dataclass(frozen=True, slots=True)
class _Scored:
    """A candidate, its score, and the cosines of its sentences to the question, shape (sentences,)."""

    candidate: Candidate
    score: float
    similarities: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        candidate: Candidate,
        question: NDArray[np.float64],
        weights: Mapping[str, float],
        statistics: TermStatistics,
    ) -> _Scored:
        similarities: NDArray[np.float64] = candidate.sentence_vectors.astype(np.float64) @ question
        lexical = _TERMS * _bm25(weights, candidate.terms, statistics.mean_terms, _B_PASSAGE)
        lexical += _WINDOW * _bm25(weights, candidate.window, statistics.mean_window, _B_WINDOW)
        score = _PASSAGE * float(candidate.vector @ question) + _SENTENCE * float(similarities.max(initial=0.0))
        score += lexical / (sum(weights.values()) or 1.0)
        return cls(candidate, round(score, _DIGITS), similarities)


def _bm25(weights: Mapping[str, float], terms: str, mean_length: float, b: float) -> float:
    """Of terms that each have a space of their own on either side."""
    norm = _K1 * (1 - b + b * (terms.count(" ") / 2) / (mean_length or 1.0))
    total = 0.0
    for term, weight in weights.items():
        if count := terms.count(f" {term} "):
            total += weight * count / (count + norm)
    return total
