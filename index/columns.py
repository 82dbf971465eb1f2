"""What ranking needs of every passage, in columns mapped into memory: a copy of one generation of the manifest.

A question looks at some two hundred passages, their neighbours, their words and the vectors of their sentences. Read
from the tables that takes ten times as long as embedding the question and searching Chroma; from columns, less than
either. A copy holds for one generation only. The next one is made beside the questions and takes its place when it is
whole (`index.column_copies`); until then the tables answer, to the same effect (`index.finding`). What is cited never
comes from here.

The files of a copy, N passages in D documents with S sentences, V terms and P pairs of a term and a passage:

    numbers, ids, ordinals               (N,) the passage's number, its id, and its place in its document
    documents                            (N,) its document, -1 where it is not in the index any more
    vectors, sentences                   (N, dimensions) float32 and (S, dimensions) float16, unit vectors
    sentence_starts                      (N + 1,) each passage's first row of `sentences`
    lengths, title_lengths               (N,) and (D,) in terms, a passage's without its title's
    hashes                               (V,) rising: of each term
    starts, holders, counts              (V + 1,), (P,), (P,): each term's first pair; of a pair, the passage that holds
                                         the term in its text or title, and how often it does
    title_hashes, title_starts, title_holders, title_counts    the same of documents and their titles
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.embedding import Vectors
from index.manifest import Manifest
from index.postings import Postings
from index.scope import Scope
from index.tables import TermStatistics

Rows = NDArray[np.intp]
"""Passages by their place in the columns."""

_BRIDGED = 100  # rows of other parts that are gone through rather than passed over
_SCOPES = 16  # parts of the folder that are remembered
_SIGN_EXPONENT_MANTISSA = np.int32(0x8FFFE000 - (1 << 32))  # where those of a float16 lie in a float32
_FTS_K1, _FTS_B, _FTS_LEAST = 1.2, 0.75, 1e-6  # of SQLite's bm25()


@dataclass(frozen=True, slots=True)
class Counted:
    """How often texts hold each of some terms, shape (terms, texts), and how many terms they have, shape (texts,)."""

    counts: NDArray[np.int64]
    lengths: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Part:
    """Which passages lie in a part of the folder, shape (rows,), and how many; and the stretches of rows that hold them
    all, each with its first row and the one after its last."""

    inside: NDArray[np.bool_]
    passages: int
    stretches: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, inside: NDArray[np.bool_]) -> Part:
        borders = np.flatnonzero(np.diff(inside, prepend=False, append=False))
        gaps = borders[1:-1].reshape(-1, 2)
        gaps = gaps[gaps[:, 1] - gaps[:, 0] > _BRIDGED]
        stretches = np.concatenate([borders[:1], gaps.ravel(), borders[-1:]]).reshape(-1, 2)
        return cls(inside, int(np.count_nonzero(inside)), tuple(map(tuple, stretches.tolist())))

    @property
    def spanned(self) -> int:
        """How many rows the stretches have."""
        return sum(end - first for first, end in self.stretches)


class Columns:
    """A copy, opened. Safe to use from several threads."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self._manifest = manifest
        about = json.loads((path / "about.json").read_text(encoding="utf-8"))
        self.generation = int(about["generation"])
        self.statistics = TermStatistics(*about["statistics"])
        self.path = path
        self.sources: list[str] = about["sources"]
        self.dimensions = dimensions = int(about["dimensions"])

        def column(name: str, kind: str, width: int = 0) -> NDArray[Any]:
            empty = (path / name).stat().st_size == 0  # which cannot be mapped
            mapped = np.zeros(0, kind) if empty else np.asarray(np.memmap(path / name, kind, "r"))
            return mapped.reshape(-1, width) if width else mapped

        self._numbers, self._ids = column("numbers", "<i8"), column("ids", "S32")
        self._documents, self._ordinals = column("documents", "<i4"), column("ordinals", "<i4")
        self._vectors, self._sentences = column("vectors", "<f4", dimensions), column("sentences", "<f2", dimensions)
        self._sentence_starts = column("sentence_starts", "<i8")
        self._lengths, self._title_lengths = column("lengths", "<i4"), column("title_lengths", "<i4")
        self._postings = Postings(
            column("hashes", "<u8"), column("starts", "<i8"), column("holders", "<i4"), column("counts", "<i4")
        )
        self._titles = Postings(
            column("title_hashes", "<u8"),
            column("title_starts", "<i8"),
            column("title_holders", "<i4"),
            column("title_counts", "<i4"),
        )
        self._there = self._documents >= 0
        alive = np.flatnonzero(self._there).astype(np.int32)
        self._order = alive[np.argsort(self._ids[alive])]
        self._ids_in_order = self._ids[self._order]
        self._heads = _heads(self._ids_in_order)
        # Ties go by the document's name, then by place in it.
        self._ranks = np.argsort(np.argsort(np.array(self.sources, dtype=object))).astype(np.int64)
        own = np.where(self._there, self._lengths + self._title_lengths[self._documents], 0)
        self._norms = _FTS_K1 * (1 - _FTS_B + _FTS_B * own / ((own.sum() / max(len(alive), 1)) or 1.0))
        self._everything = Part.of(self._there)
        self._found = lru_cache(_SCOPES)(self._find)

    def __len__(self) -> int:
        """How many rows there are, those of passages that are gone among them."""
        return len(self._numbers)

    def holding(self, term: str) -> int:
        """How many passages hold a term, in their text or their document's title."""
        first, last = self._postings.span(term)
        return last - first

    def search_terms(self, question: Sequence[str], limit: int, part: Part) -> Rows:
        """The passages of a part that hold any of the terms, best first by BM25 as SQLite reckons it."""
        scores = np.zeros(len(self))
        for term in question:
            first, last = self._postings.span(term)
            if first < last:
                holders, counts = self._postings.holders[first:last], self._postings.counts[first:last]
                held = last - first
                weight = max(math.log((self.statistics.passages - held + 0.5) / (held + 0.5)), _FTS_LEAST)
                scores[holders] += weight * counts * (_FTS_K1 + 1) / (counts + self._norms[holders])
        if part is not self._everything:  # where nothing is held by passages that are gone
            scores[~part.inside] = 0.0
        return _best(scores, limit, self._ids)

    def nearest(self, vector: Vectors, limit: int, part: Part) -> Rows:
        """The passages of a part that are nearest to a unit vector of shape (dimensions,), nearest first: exactly.

        Rows are gone through where they lie: picking those of the part first takes three times as long.
        """
        rows: Rows = np.concatenate([np.zeros(0, np.intp), *(np.arange(*stretch) for stretch in part.stretches)])
        cosines = np.concatenate([rows[:0], *(self._vectors[slice(*stretch)] @ vector for stretch in part.stretches)])
        kept = part.inside[rows]
        rows, cosines = rows[kept], cosines[kept]
        if len(rows) > limit:
            kept = cosines >= np.partition(cosines, -limit)[-limit]
            rows, cosines = rows[kept], cosines[kept]
        return rows[np.argsort(-cosines, kind="stable")[:limit]]

    def part(self, scope: Scope) -> Part:
        """Which passages the scope has."""
        return self._everything if scope.is_everything else self._found(scope)

    def rows(self, ids: Sequence[str]) -> Rows:
        """The passages with these ids, in the order given; those that are not there are left out."""
        wanted = np.array(ids, "S32")
        if not len(self._ids_in_order):
            return np.zeros(0, np.intp)
        at = np.searchsorted(self._heads, _heads(wanted))
        at[at == len(self._heads)] = 0
        if len(others := np.flatnonzero(self._ids_in_order[at] != wanted)):  # not there, or not the first with its head
            at[others] = np.searchsorted(self._ids_in_order, wanted[others])
            at[at == len(self._heads)] = 0
        found: Rows = self._order[at[self._ids_in_order[at] == wanted]].astype(np.intp)
        return found

    def numbers_of(self, rows: Rows) -> NDArray[Any]:
        """Their numbers in the manifest, shape (rows,)."""
        found: NDArray[Any] = self._numbers[rows]
        return found

    @property
    def sentence_count(self) -> int:
        """How many sentences there are, those of passages that are gone among them."""
        return int(self._sentence_starts[-1])

    def followed_by(self, later: Mapping[str, NDArray[Any]], there: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
        """These columns, without the passages that are not `there`, and after them later ones."""
        mine = {
            "numbers": self._numbers,
            "ids": self._ids,
            "documents": np.where(there, self._documents, -1).astype("<i4"),
            "ordinals": self._ordinals,
            "lengths": self._lengths,
            "sentence_starts": self._sentence_starts[:-1],
        }
        return {name: np.concatenate([column, later[name]]) for name, column in mine.items()}

    def postings_of(self, there: NDArray[np.bool_]) -> Postings:
        """Which of the passages that are `there` hold a term."""
        return self._postings.of_those(there)

    def ranked(self, rows: Rows, scores: NDArray[np.float64]) -> NDArray[np.intp]:
        """The order of `rows` by falling score; ties go by source, then by where the passage starts."""
        return np.lexsort((rows, self._ranks[self._documents[rows]], -scores))

    def similarities(
        self, rows: Rows, vector: NDArray[np.float32] | NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
        """The cosines of passages to a unit vector, shape (rows,); those of their sentences, one passage's after
        another's; and where each one's begin and the last one's end, shape (rows + 1,). They are reckoned in the
        vector's precision: to some 1e-6 in float32, in a third of the time."""
        starts = self._sentence_starts[rows]
        sizes = self._sentence_starts[rows + 1] - starts
        borders = np.concatenate([[0], np.cumsum(sizes)])
        every = np.repeat(starts - borders[:-1], sizes) + np.arange(borders[-1])
        sentences: NDArray[Any] = _widened(self._sentences.take(every, axis=0)).astype(vector.dtype, copy=False)
        passages: NDArray[Any] = self._vectors[rows].astype(vector.dtype, copy=False)
        return (passages @ vector).astype(np.float64), (sentences @ vector).astype(np.float64), borders

    def counted(self, rows: Rows, terms: Sequence[str]) -> tuple[Counted, Counted]:
        """What passages hold of each term in text and title, and what they hold together with the passages before and
        after them in their document, whose title counts once."""
        beside = self._beside(rows)
        there = beside >= 0
        documents = self._documents[rows]
        all_three = np.concatenate([rows, *beside])
        held = np.zeros((len(terms), 3, len(rows)), np.int64)
        titled = np.zeros((len(terms), len(rows)), np.int64)
        for at, term in enumerate(terms):
            held[at] = self._postings.counted(term, all_three).reshape(3, -1)
            titled[at] = self._titles.counted(term, documents)
        length = self._lengths[rows].astype(np.int64) + self._title_lengths[documents]
        wide = length + np.where(there, self._lengths[beside], 0).sum(axis=0)
        return Counted(held[:, 0], length), Counted(held.sum(axis=1) - titled * there.sum(axis=0), wide)

    def _beside(self, rows: Rows) -> Rows:
        """The passages before each and those after each in its document, shape (2, rows); -1 where there is none."""
        step = np.array([[-1], [1]])
        at = np.clip(rows + step, 0, len(self) - 1)
        there = (self._documents[at] == self._documents[rows]) & (self._ordinals[at] == self._ordinals[rows] + step)
        return np.where(there, at, -1)

    def _find(self, scope: Scope) -> Part:
        places = {source: at for at, source in enumerate(self.sources)}
        wanted = np.zeros(len(self.sources), np.bool_)
        wanted[[places[source] for source in self._manifest.sources_in(scope)]] = True
        inside = self._there.copy()
        inside[inside] = wanted[self._documents[inside]]
        return Part.of(inside)


def _heads(ids: NDArray[Any]) -> NDArray[np.uint64]:
    """The first eight bytes of ids as numbers in the same order: compared in a quarter of the time."""
    return np.ascontiguousarray(ids).view(">u8")[::4].astype(np.uint64)


def _widened(halves: NDArray[Any]) -> NDArray[np.float32]:
    """Finite float16 as float32, exactly, in a quarter of the time that numpy takes: exponent and mantissa go where those
    of a float32 stand, the sign is spread over what lies above and cut back to its bit, and the exponent's bias, which
    differs by 112, is made up for by a multiplication."""
    bits = halves.view("<i2").astype("<i4")
    bits <<= 13
    bits &= _SIGN_EXPONENT_MANTISSA
    widened: NDArray[np.float32] = bits.view("<f4")
    widened *= np.float32(2.0**112)
    return widened


def _best(scores: NDArray[np.float64], limit: int, ids: NDArray[Any]) -> Rows:
    """The places of the highest scores above 0, highest first; ties go by id."""
    held = np.flatnonzero(scores > 0)
    if len(held) > limit:
        least = np.partition(scores[held], -limit)[-limit]
        held = held[scores[held] >= least]
    return held[np.lexsort((ids[held], -scores[held]))][:limit]
