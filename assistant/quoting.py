"""Question + passages -> the sentences that answer it, word for word, and whether they do.

How much of the question a sentence carries, its evidence, is the cosine of the two, plus the share of the question's
terms that it holds (each weighing its inverse document frequency), plus half the share of those that only the sentence
before it holds. All three mean the same in every folder, so one threshold decides whether the folder holds an answer;
bench/RESULTS.md has what it lets through and what it keeps back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from assistant.questions import could_hold, figures, holds_kind, kind_asked, names
from index.sentences import trimmed
from index.terms import terms
from index.types import Hit, Passage

ANSWERS = 0.8
"""The evidence that the best sentence needs to be given as an answer: for instance half of the question's telling words
in one sentence that is also near in meaning, with nothing missing that the question names."""

# Sentences are taken from so many passages, the best ones.
_PASSAGES = 5
_CARRY = 0.5
# In the order of sentences, beside their evidence: how far the passage is behind the best, and words of the kind asked.
_BEHIND, _OF_KIND = 0.6, 0.15
# Taken off when a name or a number of the question occurs nowhere around, or nothing beside it is of the kind asked for.
_NAME_MISSING, _NUMBER_MISSING, _KIND_MISSING = 0.2, 0.2, 0.4
# A further sentence is given when it comes this near to the best one in the order.
_NEXT_BEST = 0.25
_MOST = 3


@dataclass(frozen=True, slots=True)
class Quote:
    """A sentence of a passage, `start` and `end` being offsets into the document, without white space at the ends.

    `rank` orders the sentences of one question; `evidence` is how much of it the sentence carries (see the module).
    """

    passage: Passage
    start: int
    end: int
    text: str
    rank: float
    evidence: float


def quotes(question: str, hits: Sequence[Hit], weights: Mapping[str, float]) -> tuple[Quote, ...]:
    """The sentences of the best passages, the one that answers most likely first. `weights` are those of the question's
    terms in the collection."""
    kind = kind_asked(question)
    total = sum(weights.values()) or 1.0
    found: list[Quote] = []
    for hit in hits[:_PASSAGES]:
        passage = hit.passage
        before = set(terms(passage.title))
        behind = _BEHIND * (hit.score - hits[0].score)
        for span, similarity in zip(passage.sentences, hit.similarities, strict=True):
            start, end = trimmed(passage.text, (span[0] - passage.start, span[1] - passage.start))
            text = passage.text[start:end]
            here = set(terms(text))
            held = sum(weight for term, weight in weights.items() if term in here)
            passed = before - here
            carried = sum(weight for term, weight in weights.items() if term in passed)
            evidence = similarity + (held + _CARRY * carried) / total
            rank = evidence + behind + (_OF_KIND if holds_kind(kind, text, question) else 0.0)
            if text:
                found.append(Quote(passage, passage.start + start, passage.start + end, text, rank, evidence))
            before = here
    return tuple(sorted(found, key=lambda quote: (-quote.rank, quote.passage.source, quote.start)))


def answerability(question: str, best: Quote, around: Callable[[], str]) -> float:
    """How surely the folder holds an answer: the evidence of the best sentence, less what should be `around` it (its
    passage and the neighbours, read where the question asks for it) and is not. An answer is given from `ANSWERS` on."""
    certainty = best.evidence
    named, counted = names(question), figures(question)
    nearby = set(terms(f"{best.passage.title} {around()}")) if named or counted else set()
    if any(set(terms(name)) - nearby for name in named):
        certainty -= _NAME_MISSING
    if any(set(terms(figure)) - nearby for figure in counted):
        certainty -= _NUMBER_MISSING
    if not could_hold(kind_asked(question), _beside(best), question):
        certainty -= _KIND_MISSING
    return certainty


def _beside(quote: Quote) -> str:
    """The sentence with the one before and the one after it in its passage. A time further off is another matter's."""
    passage = quote.passage
    at = next(at for at, (start, end) in enumerate(passage.sentences) if start <= quote.start < end)
    near = passage.sentences[max(0, at - 1) : at + 2]
    return passage.text[near[0][0] - passage.start : near[-1][1] - passage.start]


def answering(ranked: Sequence[Quote]) -> tuple[Quote, ...]:
    """The best quote and those that come near it, best first."""
    least = ranked[0].rank - _NEXT_BEST
    near = [quote for quote in distinct(ranked)[1:] if quote.rank >= least and quote.evidence >= ANSWERS]
    return (ranked[0], *near[: _MOST - 1])


def distinct(ranked: Sequence[Quote]) -> tuple[Quote, ...]:
    """The quotes, of those with the same words only the first."""
    kept: dict[str, Quote] = {}
    for quote in ranked:
        kept.setdefault(_folded(quote.text), quote)
    return tuple(kept.values())


def same_words(one: str, other: str) -> bool:
    """Whether two sentences have the same words in the same order, whatever their case, marks and spaces."""
    return _folded(one) == _folded(other)


def _folded(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
