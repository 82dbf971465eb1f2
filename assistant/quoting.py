"""Question + passages -> the sentences that answer it, word for word."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from index.embedding import Vectors
from index.sentences import sentence_spans, trimmed
from index.terms import question_terms, terms
from index.types import Hit, Passage

ANSWERS = 0.75
"""The least evidence with which the best sentence is given as an answer (bench/RESULTS.md has what that refuses)."""
_NEXT_BEST = 0.8
"""A further sentence is quoted when its evidence reaches this share of the best one's."""
_MOST = 3

Embed = Callable[[Sequence[str]], Vectors]


@dataclass(frozen=True, slots=True)
class Quote:
    """A sentence of a passage, `start` and `end` being offsets into the document. `evidence` is how much of the
    question it carries: the cosine of the two plus the share of the question's terms that it holds, at most 2."""

    passage: Passage
    start: int
    end: int
    text: str
    evidence: float


def quotes(question: str, hits: Sequence[Hit], embed: Embed) -> tuple[Quote, ...]:
    """Every sentence of the passages, the one that carries most of the question first."""
    found = [
        (hit.passage, start, end)
        for hit in hits
        for span in sentence_spans(hit.passage.text)
        for start, end in [trimmed(hit.passage.text, span)]
    ]
    if not found:
        return ()
    texts = [passage.text[start:end] for passage, start, end in found]
    vectors = embed([question, *texts])
    similarities = vectors[1:] @ vectors[0]
    wanted = question_terms(question)
    held = [set(terms(text)) for text in texts]
    rarity = {term: math.log(1 + len(texts) / (1 + sum(term in words for words in held))) for term in wanted}
    whole = sum(rarity.values()) or 1.0
    ranked = [
        Quote(
            passage,
            passage.start + start,
            passage.start + end,
            text,
            float(similarity) + sum(rarity[term] for term in wanted if term in words) / whole,
        )
        for (passage, start, end), text, similarity, words in zip(found, texts, similarities, held, strict=True)
    ]
    return tuple(sorted(ranked, key=lambda quote: (-quote.evidence, quote.passage.source, quote.start)))


def answering(ranked: Sequence[Quote]) -> tuple[Quote, ...]:
    """Those of the quotes that answer: none when the best does not carry enough of the question."""
    if not ranked or ranked[0].evidence < ANSWERS:
        return ()
    return tuple(quote for quote in ranked[:_MOST] if quote.evidence >= _NEXT_BEST * ranked[0].evidence)
