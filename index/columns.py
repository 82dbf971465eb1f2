"""What ranking needs of every passage, in columns mapped into memory: a copy of one generation of the manifest.

A question looks at some two hundred passages, their neighbours, their words and the vectors of their sentences. Read
from the tables that takes ten times as long as embedding the question and searching Chroma; from columns, less than
either. A copy holds for one generation only. The next one is made beside the questions and takes its place when it is
whole; until then the tables answer, to the same effect (see `index.finding`). What is cited never comes from here.

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

A copy is made of the one before it. Passages get rising numbers, so what is new comes after what was there; what is gone
leaves its row, until half of the rows are such. So the vectors, nearly all of a copy, are written once and then shared:
their two files are added to, and are linked into the next copy.
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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.embedding import Vectors
from index.errors import FootnoteError
from index.linking import link
from index.manifest import Manifest, TermStatistics
from index.scope import Scope

Rows = NDArray[np.intp]
"""Passages by their place in the columns."""

_KEY = "columns"  # of the manifest's values: the generation of the copy that is whole, and what its files are known by
_KNOWN = {"form", "generation", "name", "seal"}  # what is noted of a copy
_FORM = 2  # changes with the files of a copy
_SHARED = ("vectors", "sentences")
_BLOCK = 500_000  # words that are counted at a time
_BRIDGED = 100  # rows of other parts that are gone through rather than passed over
_SCOPES, _SPANS = 16, 1024  # parts of the folder and terms that are remembered
_FTS_K1, _FTS_B, _FTS_LEAST = 1.2, 0.75, 1e-6  # of SQLite's bm25()

# Every float16 as a float64, by its bits: looked up, they are widened in half the time that numpy takes to reckon it.
_WIDENED = np.arange(1 << 16, dtype="<u2").view("<f2").astype(np.float64)

_log = logging.getLogger(__name__)


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
        self._postings = _Postings(
            column("hashes", "<u8"), column("starts", "<i8"), column("holders", "<i4"), column("counts", "<i4")
        )
        self._titles = _Postings(
            column("title_hashes", "<u8"),
            column("title_starts", "<i8"),
            column("title_holders", "<i4"),
            column("title_counts", "<i4"),
        )
        self._there = self._documents >= 0
        alive = np.flatnonzero(self._there).astype(np.int32)
        self._order = alive[np.argsort(self._ids[alive])]
        self._ids_in_order = self._ids[self._order]
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
        at = np.searchsorted(self._ids_in_order, wanted)
        at[at == len(self._ids_in_order)] = 0
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

    def postings_of(self, there: NDArray[np.bool_]) -> _Postings:
        """Which of the passages that are `there` hold a term."""
        return self._postings.of_those(there)

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
        of_sentences = _WIDENED[self._sentences.view("<u2").take(every, axis=0)] @ question
        return self._vectors[rows].astype(np.float64) @ question, of_sentences, borders

    def counted(self, rows: Rows, terms: Sequence[str]) -> tuple[Counted, Counted]:
        """What passages hold of each term in text and title, and what they hold together with the passages before and
        after them in their document, whose title counts once."""
        beside = np.stack([self._beside(rows, step) for step in (-1, 1)])
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

    def _beside(self, rows: Rows, step: int) -> Rows:
        """The passage before (-1) or after (1) each in its document; -1 where there is none."""
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


def _best(scores: NDArray[np.float64], limit: int, ids: NDArray[Any]) -> Rows:
    """The places of the highest scores above 0, highest first; ties go by id."""
    held = np.flatnonzero(scores > 0)
    if len(held) > limit:
        least = np.partition(scores[held], -limit)[-limit]
        held = held[scores[held] >= least]
    return held[np.lexsort((ids[held], -scores[held]))][:limit]


def _hash(term: str) -> int:
    return int.from_bytes(hashlib.blake2b(term.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


class _Postings:
    """Which passages, or which titles of documents, hold a term, and how often: pairs by the term's hash, then by what
    holds it."""

    def __init__(self, hashes: NDArray[Any], starts: NDArray[Any], holders: NDArray[Any], counts: NDArray[Any]) -> None:
        self.hashes, self.starts, self.holders, self.counts = hashes, starts, holders, counts
        self.span = lru_cache(_SPANS)(self._find)  # a question's terms are looked up several times over

    @classmethod
    def empty(cls) -> _Postings:
        return cls(np.zeros(0, "<u8"), np.zeros(1, "<i8"), np.zeros(0, "<i4"), np.zeros(0, "<i4"))

    @classmethod
    def of(cls, hashes: NDArray[Any], terms: NDArray[Any], holders: NDArray[Any], counts: NDArray[Any]) -> _Postings:
        """Of pairs in any order of terms, those of one term by rising holder; `terms` are places in `hashes`."""
        order = np.argsort(hashes)
        place_of = np.empty(len(order), np.int64)
        place_of[order] = np.arange(len(order))
        places = place_of[terms]
        by_term = np.argsort(places, kind="stable")
        starts = np.zeros(len(hashes) + 1, "<i8")
        np.cumsum(np.bincount(places, minlength=len(hashes)), out=starts[1:])
        return cls(hashes[order], starts, holders[by_term], counts[by_term])

    def _find(self, term: str) -> tuple[int, int]:
        """Where the pairs of a term begin and end."""
        wanted = np.uint64(_hash(term))
        at = int(np.searchsorted(self.hashes, wanted))
        if at == len(self.hashes) or self.hashes[at] != wanted:
            return 0, 0
        return int(self.starts[at]), int(self.starts[at + 1])

    def counted(self, term: str, holders: NDArray[Any]) -> NDArray[np.int64]:
        """How often each of the holders holds a term."""
        first, last = self.span(term)
        if first == last:
            return np.zeros(len(holders), np.int64)
        held = self.holders[first:last]
        at = np.searchsorted(held, holders)
        at[at == len(held)] = 0
        return np.where(held[at] == holders, self.counts[first:last][at], 0).astype(np.int64)

    def of_those(self, there: NDArray[np.bool_]) -> _Postings:
        """Without the pairs of holders that are not there."""
        terms = np.repeat(np.arange(len(self.hashes)), np.diff(self.starts))
        kept = there[self.holders]
        used = np.unique(terms[kept])
        return _Postings.of(
            self.hashes[used], np.searchsorted(used, terms[kept]), self.holders[kept], self.counts[kept]
        )

    def joined(self, later: _Postings) -> _Postings:
        """With those of another, whose holders all come after these."""
        hashes = np.union1d(self.hashes, later.hashes)
        terms = [np.repeat(np.searchsorted(hashes, one.hashes), np.diff(one.starts)) for one in (self, later)]
        return _Postings.of(
            hashes,
            np.concatenate(terms),
            np.concatenate([self.holders, later.holders]),
            np.concatenate([self.counts, later.counts]),
        )

    def files(self, prefix: str) -> dict[str, NDArray[Any]]:
        return {
            f"{prefix}hashes": self.hashes.astype("<u8"),
            f"{prefix}starts": self.starts.astype("<i8"),
            f"{prefix}holders": self.holders.astype("<i4"),
            f"{prefix}counts": self.counts.astype("<i4"),
        }


class _Words:
    """Words as they come, each with what holds it, counted in blocks into postings."""

    def __init__(self) -> None:
        self._places: defaultdict[str, int] = defaultdict(count().__next__)
        self._words, self._holders = array("I"), array("I")
        self._blocks: list[tuple[NDArray[Any], NDArray[Any], NDArray[Any]]] = []

    def add(self, holder: int, words: Sequence[str]) -> None:
        self._words.extend(map(self._places.__getitem__, words))
        self._holders.extend([holder] * len(words))
        if len(self._words) > _BLOCK:
            self._count()

    def postings(self) -> _Postings:
        self._count()
        terms, holders, counts = (np.concatenate(parts) for parts in zip(*self._blocks, strict=True))
        return _Postings.of(np.array([_hash(term) for term in self._places], "<u8"), terms, holders, counts)

    def _count(self) -> None:
        both = np.array(self._words, np.uint64) << np.uint64(32) | np.array(self._holders, np.uint64)
        pairs, counts = np.unique(both, return_counts=True)
        holders = pairs.astype(np.uint32).astype("<i4")
        self._blocks.append(((pairs >> np.uint64(32)).astype("<i4"), holders, counts.astype("<i4")))
        self._words, self._holders = array("I"), array("I")


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
        kept = self._kept()
        return self._open(kept) if kept.get("generation") == generation else None

    def hold(self, generation: int) -> bool:
        """Whether there is a whole copy of the manifest at this generation; it is not opened."""
        kept = self._kept()
        return kept.get("generation") == generation and self._is_whole(kept)

    def make(self) -> None:
        """Make a copy of the manifest as it is, unless there is one. Called by whoever may change the index."""
        with self._making:
            try:
                if not self.hold(self._manifest.generation):
                    self._make()
            except (OSError, FootnoteError):
                # Nothing is lost: the tables answer. The next sync says what is wrong with the disk, or tries again.
                _log.warning("What makes searching fast could not be written", exc_info=True)

    def discard(self) -> bool:
        """Throw the copies away; whether the one that was last made is not as it was written."""
        kept = self._kept()
        damaged = bool(kept) and not self._is_whole(kept)
        self._manifest.put(_KEY, "")
        for path in self._home.glob("columns-*"):
            shutil.rmtree(path, ignore_errors=True)
        return damaged

    def _kept(self) -> dict[str, Any]:
        try:
            kept = json.loads(self._manifest.get(_KEY) or "{}")
        except ValueError:
            return {}  # damage, which an examination finds
        return kept if isinstance(kept, dict) and kept.keys() >= _KNOWN and kept["form"] == _FORM else {}

    def _open(self, kept: dict[str, Any]) -> Columns | None:
        with self._guard:
            if self._opened is None or self._opened.generation != kept["generation"]:
                if not self._is_whole(kept):
                    return None  # the next sync makes it anew
                self._opened = Columns(self._home / kept["name"], self._manifest)
            return self._opened

    def _is_whole(self, kept: dict[str, Any]) -> bool:
        """Whether the files of a copy are as they were written."""
        seal: list[list[str | int]] = kept["seal"]
        return _seal_of(self._home / kept["name"]) == seal

    def _make(self) -> None:
        kept = self._kept()
        before = self._open(kept) if kept else None
        earlier = list(self._home.glob("columns-*"))
        path = Path(tempfile.mkdtemp(prefix="columns-", dir=self._home))
        try:
            with self._manifest.snapshot():
                generation = self._manifest.generation
                _write(path, generation, self._manifest, before)
            made = {"form": _FORM, "generation": generation, "name": path.name, "seal": _seal_of(path)}
            self._manifest.put(_KEY, json.dumps(made))
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


def _write(path: Path, generation: int, manifest: Manifest, before: Columns | None) -> None:
    """Write a copy into the empty folder `path`, after the one before it where there is one."""
    titles = manifest.title_terms()
    statistics = manifest.term_statistics()
    carried: Rows = np.zeros(0, np.intp)
    if before is not None:
        carried = np.sort(before.rows(sorted(manifest.passage_ids())))
        if len(before) - len(carried) > statistics.passages:
            before, carried = None, carried[:0]
    rows = 0 if before is None else len(before)
    there = np.zeros(rows, np.bool_)
    there[carried] = True
    last = -1
    sources: list[str] = []
    starts = [0]
    if before is not None:
        for name in _SHARED:
            link(before.path / name, path / name)
        last = int(before.numbers_of(carried).max(initial=-1))
        sources = list(before.sources)
        starts = [before.sentence_count]
    places = {source: at for at, source in enumerate(dict.fromkeys([*sources, *titles]))}
    words = _Words()
    numbers, documents, ordinals, lengths = array("q"), array("i"), array("i"), array("i")
    ids = bytearray()
    dimensions = before.dimensions if before is not None else 1
    with (path / "vectors").open("ab") as vectors, (path / "sentences").open("ab") as sentences:
        for number, id_, source, ordinal, own, vector, of_sentences in manifest.for_columns(last):
            dimensions = len(vector) // 4
            here = own.split()
            words.add(rows + len(numbers), here + titles[source])
            numbers.append(number)
            documents.append(places[source])
            ordinals.append(ordinal)
            lengths.append(len(here))
            starts.append(starts[-1] + len(of_sentences) // (2 * dimensions))
            ids += id_.encode()
            vectors.write(vector)
            sentences.write(of_sentences)
    if before is not None and len(carried) + len(numbers) != statistics.passages:
        for name in _SHARED:
            (path / name).unlink()
        _write(path, generation, manifest, None)
        return
    of_titles = _Words()
    title_lengths = np.zeros(len(places), "<i4")
    for source, at in places.items():
        of_titles.add(at, titles.get(source, []))
        title_lengths[at] = len(titles.get(source, []))
    columns: dict[str, NDArray[Any]] = {
        "numbers": np.array(numbers, "<i8"),
        "ids": np.frombuffer(bytes(ids), "S32"),
        "documents": np.array(documents, "<i4"),
        "ordinals": np.array(ordinals, "<i4"),
        "lengths": np.array(lengths, "<i4"),
        "sentence_starts": np.array(starts, "<i8"),
    }
    postings = words.postings()
    if before is not None:
        columns = before.followed_by(columns, there)
        postings = before.postings_of(there).joined(postings)
    columns["title_lengths"] = title_lengths
    for name, column in {**columns, **postings.files(""), **of_titles.postings().files("title_")}.items():
        column.tofile(path / name)
    about = {
        "generation": generation,
        "dimensions": dimensions,
        "statistics": [statistics.passages, statistics.mean_terms, statistics.mean_window],
        "sources": list(places),
    }
    (path / "about.json").write_text(json.dumps(about), encoding="utf-8")
    for file in path.iterdir():
        with file.open("rb") as written:
            os.fsync(written.fileno())
