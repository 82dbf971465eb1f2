"""What ranking needs of every passage, in columns mapped into memory: a copy of one generation of the manifest.

A question looks at some two hundred passages, their neighbours, their words and the vectors of their sentences. Read
from the tables that takes ten times as long as embedding the question and searching Chroma; from columns, less than
either. A copy holds for one generation only. The next one is made beside the questions and takes its place when it is
whole; until then the tables answer, to the same effect (see `index.retrieval`). What is cited never comes from here.

The files of a copy, N passages in D documents with S sentences, V terms and P pairs of a term and a passage:

    numbers, ids, documents, ordinals    (N,) the passage's number, id, document and place in it, by rising number
    order                                (N,) the passages by rising id
    vectors, sentences                   (N, dimensions) float32 and (S, dimensions) float16, unit vectors
    sentence_starts                      (N + 1,) each passage's first row of `sentences`
    lengths, title_lengths               (N,) and (D,) in terms, a passage's without its title's
    hashes                               (V,) rising: of each term
    starts, holders, counts              (V + 1,), (P,), (P,): each term's first pair; of a pair, the passage that holds
                                         the term in its text or title, and how often it does
    title_starts, title_holders, title_counts    the same of documents and their titles
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import shutil
import tempfile
import threading
from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.embedding import Vectors
from index.errors import FootnoteError
from index.manifest import Manifest, TermStatistics
from index.scope import Scope

Rows = NDArray[np.intp]
"""Passages by their place in the columns."""

_KEY = "columns"  # of the manifest's values: the generation of the copy that is whole, and what its files are known by
_BLOCK = 10_000  # passages whose words are counted at a time
_SCOPES = 16  # parts of the folder that are remembered
_FTS_K1, _FTS_B, _FTS_LEAST = 1.2, 0.75, 1e-6  # of SQLite's bm25()

_log = logging.getLogger(__name__)


class Columns:
    """A copy, opened. Safe to use from several threads."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self._manifest = manifest
        about = json.loads((path / "about.json").read_text(encoding="utf-8"))
        self.generation = int(about["generation"])
        self.statistics = TermStatistics(*about["statistics"])
        self._sources: list[str] = about["sources"]
        dimensions = int(about["dimensions"])

        def column(name: str, kind: str, width: int = 0) -> NDArray[Any]:
            empty = (path / name).stat().st_size == 0  # which cannot be mapped
            mapped = np.zeros(0, kind) if empty else np.asarray(np.memmap(path / name, kind, "r"))
            return mapped.reshape(-1, width) if width else mapped

        self._numbers, self._ids = column("numbers", "<i8"), column("ids", "S32")
        self._documents, self._ordinals = column("documents", "<i4"), column("ordinals", "<i4")
        self._order = column("order", "<i4")
        self._vectors, self._sentences = column("vectors", "<f4", dimensions), column("sentences", "<f2", dimensions)
        self._sentence_starts = column("sentence_starts", "<i8")
        self._lengths, self._title_lengths = column("lengths", "<i4"), column("title_lengths", "<i4")
        self._hashes = column("hashes", "<u8")
        self._starts, self._holders, self._counts = (
            column("starts", "<i8"),
            column("holders", "<i4"),
            column("counts", "<i4"),
        )
        self._title_starts, self._title_holders, self._title_counts = (
            column("title_starts", "<i8"),
            column("title_holders", "<i4"),
            column("title_counts", "<i4"),
        )
        self._ids_in_order = self._ids[self._order]
        # Ties go by the document's name, then by place in it.
        self._ranks = np.argsort(np.argsort(np.array(self._sources, dtype=object))).astype(np.int64)
        own = self._lengths + self._title_lengths[self._documents]
        self._norms = _FTS_K1 * (1 - _FTS_B + _FTS_B * own / ((own.sum() / max(len(own), 1)) or 1.0))
        self._inside = lru_cache(_SCOPES)(self._find_inside)

    def __len__(self) -> int:
        return len(self._numbers)

    def holding(self, term: str) -> int:
        """How many passages hold a term, in their text or their document's title."""
        first, last = self._pairs(term)
        return last - first

    def search_terms(self, question: Sequence[str], limit: int, scope: Scope) -> Rows:
        """The passages of the scope that hold any of the terms, best first by BM25 as SQLite reckons it."""
        scores = np.zeros(len(self))
        for term in question:
            first, last = self._pairs(term)
            if first < last:
                holders, counts = self._holders[first:last], self._counts[first:last]
                held = last - first
                weight = max(math.log((len(self) - held + 0.5) / (held + 0.5)), _FTS_LEAST)
                scores[holders] += weight * counts * (_FTS_K1 + 1) / (counts + self._norms[holders])
        if not scope.is_everything:
            scores[~self._inside(scope)] = 0.0
        return _best(scores, limit, self._ids)

    def nearest(self, vector: Vectors, limit: int, scope: Scope) -> Rows:
        """The passages of the scope that are nearest to a unit vector of shape (dimensions,), nearest first: exactly."""
        if scope.is_everything:
            return np.argsort(-(self._vectors @ vector), kind="stable")[:limit]
        inside: Rows = np.flatnonzero(self._inside(scope))
        return inside[np.argsort(-(self._vectors[inside] @ vector), kind="stable")[:limit]]

    def inside(self, scope: Scope) -> int:
        """How many passages the scope has."""
        return int(np.count_nonzero(self._inside(scope)))

    def those_in(self, scope: Scope, rows: Rows) -> Rows:
        """Those of the passages that are in the scope, in the order given."""
        found: Rows = rows[self._inside(scope)[rows]]
        return found

    def rows(self, ids: Sequence[str]) -> Rows:
        """The passages with these ids, in the order given; those that are not there are left out."""
        wanted = np.array(ids, "S32")
        at = np.searchsorted(self._ids_in_order, wanted)
        at[at == len(self)] = 0
        found: Rows = self._order[at[self._ids_in_order[at] == wanted]].astype(np.intp)
        return found

    def numbers(self, rows: Rows) -> list[int]:
        """Their numbers in the manifest."""
        return [int(number) for number in self._numbers[rows]]

    def ranked(self, rows: Rows, scores: NDArray[np.float64]) -> NDArray[np.intp]:
        """The order of `rows` by falling score; ties go by source, then by where the passage starts."""
        return np.lexsort((rows, self._ranks[self._documents[rows]], -scores))

    def similarities(
        self, rows: Rows, vector: Vectors
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
        """The cosines of passages to a unit vector, shape (rows,); those of their sentences, one passage's after
        another's; and where each one's begin and the last one's end, shape (rows + 1,)."""
        starts = self._sentence_starts[rows]
        sizes = self._sentence_starts[rows + 1] - starts
        borders = np.concatenate([[0], np.cumsum(sizes)])
        every = np.repeat(starts - borders[:-1], sizes) + np.arange(borders[-1])
        question = vector.astype(np.float64)
        of_sentences = self._sentences[every].astype(np.float64) @ question
        return self._vectors[rows].astype(np.float64) @ question, of_sentences, borders

    def counted(self, rows: Rows, terms: Iterable[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """How often passages hold each term in text and title, shape (terms, rows), and how often they do together with
        the passages before and after them in their document, whose title counts once."""
        before = self._beside(rows, -1)
        after = self._beside(rows, 1)
        own, window = [], []
        for term in terms:
            first, last = self._pairs(term)
            titled = self._titled(term, rows)
            here = self._held(first, last, rows)
            around = here.copy()
            for beside in (before, after):
                there = beside >= 0
                around += np.where(there, self._held(first, last, beside) - titled, 0)
            own.append(here)
            window.append(around)
        shape = (len(own), len(rows))
        return np.array(own, np.int64).reshape(shape), np.array(window, np.int64).reshape(shape)

    def term_counts(self, rows: Rows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """How many terms passages and their titles have, and how many together with the passages beside them."""
        own = self._lengths[rows].astype(np.int64) + self._title_lengths[self._documents[rows]]
        window = own.copy()
        for step in (-1, 1):
            beside = self._beside(rows, step)
            window += np.where(beside >= 0, self._lengths[beside], 0)
        return own, window

    def _beside(self, rows: Rows, step: int) -> Rows:
        """The passage before (-1) or after (1) each in its document; -1 where there is none."""
        at = np.clip(rows + step, 0, len(self) - 1)
        there = (self._documents[at] == self._documents[rows]) & (self._ordinals[at] == self._ordinals[rows] + step)
        return np.where(there, at, -1)

    def _pairs(self, term: str) -> tuple[int, int]:
        return self._span(term, self._starts)

    def _span(self, term: str, starts: NDArray[Any]) -> tuple[int, int]:
        wanted = np.uint64(_hash(term))
        at = int(np.searchsorted(self._hashes, wanted))
        if at == len(self._hashes) or self._hashes[at] != wanted:
            return 0, 0
        return int(starts[at]), int(starts[at + 1])

    def _held(self, first: int, last: int, rows: Rows) -> NDArray[np.int64]:
        return _looked_up(self._holders[first:last], self._counts[first:last], rows)

    def _titled(self, term: str, rows: Rows) -> NDArray[np.int64]:
        first, last = self._span(term, self._title_starts)
        return _looked_up(self._title_holders[first:last], self._title_counts[first:last], self._documents[rows])

    def _find_inside(self, scope: Scope) -> NDArray[np.bool_]:
        places = {source: at for at, source in enumerate(self._sources)}
        wanted = np.zeros(len(self._sources), np.bool_)
        wanted[[places[source] for source in self._manifest.sources_in(scope)]] = True
        inside: NDArray[np.bool_] = wanted[self._documents]
        return inside


def _looked_up(holders: NDArray[Any], counts: NDArray[Any], rows: NDArray[Any]) -> NDArray[np.int64]:
    """The count of each row, 0 where it is not among the holders, which rise."""
    if not len(holders):
        return np.zeros(len(rows), np.int64)
    at = np.searchsorted(holders, rows)
    at[at == len(holders)] = 0
    return np.where(holders[at] == rows, counts[at], 0).astype(np.int64)


def _best(scores: NDArray[np.float64], limit: int, ids: NDArray[Any]) -> Rows:
    """The places of the highest scores above 0, highest first; ties go by id."""
    held = np.flatnonzero(scores > 0)
    if len(held) > limit:
        least = np.partition(scores[held], -limit)[-limit]
        held = held[scores[held] >= least]
    return held[np.lexsort((ids[held], -scores[held]))][:limit]


def _hash(term: str) -> int:
    return int.from_bytes(hashlib.blake2b(term.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


class KeptColumns:
    """The copies of one manifest, beside it on disk. Safe to use from several threads and processes."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._home = manifest.path.parent
        self._guard = threading.Lock()
        self._making = threading.Lock()
        self._opened: Columns | None = None

    def of(self, generation: int) -> Columns | None:
        """The copy of the manifest as it is now, at this generation; None while there is none."""
        opened = self._opened
        if opened is not None and opened.generation == generation:
            return opened
        kept = json.loads(self._manifest.get(_KEY) or "{}")
        if kept.get("generation") != generation:
            return None
        with self._guard:
            if self._opened is None or self._opened.generation != generation:
                path = self._home / kept["name"]
                if _seal_of(path) != kept["seal"]:
                    return None  # the next sync makes it anew
                self._opened = Columns(path, self._manifest)
            return self._opened

    def make(self) -> None:
        """Make a copy of the manifest as it is, unless there is one. Called by whoever may change the index."""
        with self._making:
            try:
                generation = self._manifest.generation
                if self.of(generation) is None:
                    self._make()
            except (OSError, FootnoteError):
                # Nothing is lost: the tables answer. The next sync says what is wrong with the disk, or tries again.
                _log.warning("What makes searching fast could not be written", exc_info=True)

    def _make(self) -> None:
        earlier = list(self._home.glob("columns-*"))
        path = Path(tempfile.mkdtemp(prefix="columns-", dir=self._home))
        try:
            with self._manifest.snapshot():
                generation = self._manifest.generation
                _write(path, generation, self._manifest)
            kept = {"generation": generation, "name": path.name, "seal": _seal_of(path)}
            self._manifest.put(_KEY, json.dumps(kept))
        except BaseException:
            shutil.rmtree(path, ignore_errors=True)
            raise
        for old in earlier:
            shutil.rmtree(old, ignore_errors=True)  # who has it open keeps it until it is closed


def _seal_of(path: Path) -> list[list[str | int]]:
    """What the files in `path` are known by: a file that is written to afterwards has another time."""
    try:
        stats = [(file.name, file.stat()) for file in sorted(path.iterdir())]
    except OSError:
        return []
    return [[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats]


def _write(path: Path, generation: int, manifest: Manifest) -> None:
    titles = manifest.title_terms()
    places = {source: at for at, source in enumerate(titles)}
    vocabulary: defaultdict[str, int] = defaultdict(count().__next__)
    numbers, documents, ordinals, lengths = array("q"), array("i"), array("i"), array("i")
    sentence_starts = array("q", [0])
    ids = bytearray()
    blocks: list[_Pairs] = []
    words, holders = array("I"), array("I")
    dimensions = 1
    with (path / "vectors").open("wb") as vectors, (path / "sentences").open("wb") as sentences:
        for number, id_, source, ordinal, own, vector, of_sentences in manifest.for_columns():
            dimensions = len(vector) // 4
            here = own.split()
            words.extend(map(vocabulary.__getitem__, here))
            words.extend(map(vocabulary.__getitem__, titles[source]))
            holders.extend([len(numbers)] * (len(here) + len(titles[source])))
            numbers.append(number)
            documents.append(places[source])
            ordinals.append(ordinal)
            lengths.append(len(here))
            sentence_starts.append(sentence_starts[-1] + len(of_sentences) // (2 * dimensions))
            ids += id_.encode()
            vectors.write(vector)
            sentences.write(of_sentences)
            if len(numbers) % _BLOCK == 0:
                blocks.append(_Pairs.counted(words, holders))
                words, holders = array("I"), array("I")
        blocks.append(_Pairs.counted(words, holders))
    words, holders = array("I"), array("I")
    for at, title in enumerate(titles.values()):
        words.extend(map(vocabulary.__getitem__, title))
        holders.extend([at] * len(title))
    hashes = np.array([_hash(term) for term in vocabulary], "<u8")
    order = np.argsort(hashes)
    place_of = np.empty(len(order), np.int64)
    place_of[order] = np.arange(len(order))
    columns: dict[str, NDArray[Any]] = {
        "numbers": np.array(numbers, "<i8"),
        "ids": np.frombuffer(bytes(ids), "S32"),
        "documents": np.array(documents, "<i4"),
        "ordinals": np.array(ordinals, "<i4"),
        "order": np.argsort(np.frombuffer(bytes(ids), "S32")).astype("<i4"),
        "sentence_starts": np.array(sentence_starts, "<i8"),
        "lengths": np.array(lengths, "<i4"),
        "title_lengths": np.array([len(title) for title in titles.values()], "<i4"),
        "hashes": hashes[order],
        **_Pairs.joined(blocks).columns("", place_of),
        **_Pairs.counted(words, holders).columns("title_", place_of),
    }
    for name, column in columns.items():
        column.tofile(path / name)
    statistics = manifest.term_statistics()
    about = {
        "generation": generation,
        "dimensions": dimensions,
        "statistics": [statistics.passages, statistics.mean_terms, statistics.mean_window],
        "sources": list(titles),
    }
    (path / "about.json").write_text(json.dumps(about), encoding="utf-8")
    for file in path.iterdir():
        with file.open("rb") as written:
            os.fsync(written.fileno())


class _Pairs:
    """Pairs of a term and what holds it, with how often; by term, then by holder."""

    def __init__(self, terms: NDArray[Any], holders: NDArray[Any], counts: NDArray[Any]) -> None:
        self._terms, self._holders, self._counts = terms, holders, counts

    @classmethod
    def counted(cls, words: array[int], holders: array[int]) -> _Pairs:
        """Of words one after another, each with what holds it."""
        both = np.array(words, np.uint64) << np.uint64(32) | np.array(holders, np.uint64)
        pairs, counts = np.unique(both, return_counts=True)
        return cls((pairs >> np.uint64(32)).astype("<i4"), pairs.astype(np.uint32).astype("<i4"), counts.astype("<i4"))

    @classmethod
    def joined(cls, blocks: Sequence[_Pairs]) -> _Pairs:
        """Of blocks whose holders rise from one to the next."""
        terms = np.concatenate([block._terms for block in blocks])
        order = np.argsort(terms, kind="stable")
        return cls(
            terms[order],
            np.concatenate([block._holders for block in blocks])[order],
            np.concatenate([block._counts for block in blocks])[order],
        )

    def columns(self, prefix: str, place_of: NDArray[np.int64]) -> Mapping[str, NDArray[Any]]:
        """The three columns, the terms by their places."""
        places = place_of[self._terms]
        order = np.argsort(places, kind="stable")
        starts = np.zeros(len(place_of) + 1, "<i8")
        np.cumsum(np.bincount(places, minlength=len(place_of)), out=starts[1:])
        return {
            f"{prefix}starts": starts,
            f"{prefix}holders": self._holders[order],
            f"{prefix}counts": self._counts[order],
        }
