"""Which passages hold a term, and how often: postings as arrays."""

from __future__ import annotations

import hashlib
from array import array
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BLOCK = 500_000  # words that are counted at a time
_SPANS = 1024  # terms whose places are remembered


class Postings:
    """Which passages, or which titles of documents, hold a term, and how often: pairs by the term's hash, then by what
    holds it."""

    def __init__(self, hashes: NDArray[Any], starts: NDArray[Any], holders: NDArray[Any], counts: NDArray[Any]) -> None:
        self.hashes, self.starts, self.holders, self.counts = hashes, starts, holders, counts
        self.span = lru_cache(_SPANS)(self._find)  # a question's terms are looked up several times over

    @classmethod
    def of(cls, hashes: NDArray[Any], terms: NDArray[Any], holders: NDArray[Any], counts: NDArray[Any]) -> Postings:
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

    def of_those(self, there: NDArray[np.bool_]) -> Postings:
        """Without the pairs of holders that are not there."""
        kept = there[self.holders]
        starts = self.starts - np.searchsorted(np.flatnonzero(~kept), self.starts)
        used = np.diff(starts) > 0
        return Postings(
            self.hashes[used], np.append(starts[:-1][used], starts[-1]), self.holders[kept], self.counts[kept]
        )

    def joined(self, later: Postings) -> Postings:
        """With those of another, whose holders all come after these."""
        hashes = np.union1d(self.hashes, later.hashes)
        sizes = np.zeros(len(hashes) + 1, np.int64)
        for one in (self, later):
            sizes[1 + np.searchsorted(hashes, one.hashes)] += np.diff(one.starts)
        # Each after the pairs that its term has here, or where it would have some: sorting all takes many times as long.
        ends = self.starts[np.searchsorted(self.hashes, later.hashes, side="right")]
        at = np.repeat(ends, np.diff(later.starts))
        return Postings(
            hashes,
            np.cumsum(sizes),
            np.insert(self.holders, at, later.holders),
            np.insert(self.counts, at, later.counts),
        )

    def files(self, prefix: str) -> dict[str, NDArray[Any]]:
        return {
            f"{prefix}hashes": self.hashes.astype("<u8"),
            f"{prefix}starts": self.starts.astype("<i8"),
            f"{prefix}holders": self.holders.astype("<i4"),
            f"{prefix}counts": self.counts.astype("<i4"),
        }


class Words:
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

    def postings(self) -> Postings:
        self._count()
        terms, holders, counts = (np.concatenate(parts) for parts in zip(*self._blocks, strict=True))
        return Postings.of(np.array([_hash(term) for term in self._places], "<u8"), terms, holders, counts)

    def _count(self) -> None:
        both = np.array(self._words, np.uint64) << np.uint64(32) | np.array(self._holders, np.uint64)
        pairs, counts = np.unique(both, return_counts=True)
        holders = pairs.astype(np.uint32).astype("<i4")
        self._blocks.append(((pairs >> np.uint64(32)).astype("<i4"), holders, counts.astype("<i4")))
        self._words, self._holders = array("I"), array("I")


def _hash(term: str) -> int:
    return int.from_bytes(hashlib.blake2b(term.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
