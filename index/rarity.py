"""How much a term tells: its inverse document frequency, smoothed with background English.

In a folder of one page every word is as rare as every other, and of two pages half are common. So the passages of the
folder are joined by so many imagined passages of general English: they decide alone in a small folder and count for
nothing in one of thousands. How often English uses a word is read off the model's vocabulary, whose word pieces are
listed by falling frequency; Zipf's law turns a rank into a share.
"""

from __future__ import annotations

import math
from collections import defaultdict
from functools import cache

from index.embedding import model_dir
from index.terms import terms

BACKGROUND = 100
"""How many imagined passages."""

_PASSAGE_WORDS = 80
# Before this entry the vocabulary holds marks, single characters and reserved places.
_FIRST = 1996
_EULER = 0.577


def idf(term: str, holding: int, passages: int) -> float:
    """The inverse document frequency, log(1 + (N - n + 0.5) / (n + 0.5)) (Robertson and Sparck Jones, as in Lucene), of
    a term that `holding` of the folder's `passages` hold, with the background added to both."""
    n = holding + BACKGROUND * chance(term)
    return math.log(1 + (passages + BACKGROUND - n + 0.5) / (n + 0.5))


def chance(term: str) -> float:
    """The chance that a passage of general English holds the term."""
    shares, total = _shares()
    return 1 - math.exp(-_PASSAGE_WORDS * shares.get(term, 0.5 / total))


@cache
def _shares() -> tuple[dict[str, float], int]:
    """The share of running words that each term is, and how many entries the vocabulary has."""
    entries = (model_dir() / "vocab.txt").read_text(encoding="utf-8").splitlines()[_FIRST:]
    harmonic = math.log(len(entries)) + _EULER
    shares: dict[str, float] = defaultdict(float)
    for rank, entry in enumerate(entries, 1):
        if entry.isalpha():
            for term in terms(entry):
                shares[term] += 1 / (rank * harmonic)
    return dict(shares), len(entries)
