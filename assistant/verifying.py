"""Sentence + passages -> whether the words carry the sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from assistant.types import Support
from index.embedding import Vectors


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome; `spans` are (evidence index, start, end) of the words that carry the sentence."""

    support: Support
    score: float
    spans: tuple[tuple[int, int, int], ...] = ()
    reasons: tuple[str, ...] = ()


def verify(sentence: str, evidence: Sequence[str], embed: Callable[[Sequence[str]], Vectors]) -> Verdict:
    """QUOTED where the sentence stands in the evidence word for word; else UNSUPPORTED."""
    for at, text in enumerate(evidence):
        if (start := text.find(sentence)) >= 0:
            return Verdict(Support.QUOTED, 1.0, ((at, start, start + len(sentence)),))
    return Verdict(Support.UNSUPPORTED, 0.0)
