"""The check of a generated sentence against the passages it cites: in code, offline, without a language model. Pure.

Two things are measured and two are checked.

Measured, over stretches of one or two neighbouring sentences of the evidence, the best of them counting:

- words: the share of the sentence's telling words (all but the closed classes) that stand in the stretch, by stem;
- meaning: the cosine of the sentence's and the stretch's embeddings.

The score is their mean, less a fixed amount for each kind of fact that the supporting sentences do not hold. The
weights are round and equal on purpose: a logistic model fitted to the same parts did no better on a data set that it
had not seen (figures in bench/RESULTS.md).

Checked: that every number, date and name of the sentence stands in the evidence sentences that support it, and that
nothing is denied in one that is asserted in the other. A fact that fails caps the state whatever the score: a wrong
number or date makes the sentence UNSUPPORTED, a name, a negation or an opposite PARTLY at most.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from assistant.facts import (
    Date,
    Number,
    Word,
    agrees,
    date_agrees,
    dates,
    initials,
    is_seldom_a_number,
    name_agrees,
    names,
    numbers,
    opener,
    opposed,
    polarity,
    words,
)
from assistant.types import Support
from index.embedding import Vectors
from index.sentences import sentence_spans, trimmed

Embed = Callable[[Sequence[str]], Vectors]
EvidenceSpan = tuple[int, int, int]

SUPPORTED_FROM = 0.8
PARTLY_FROM = 0.6

_WRONG_FACT_COSTS = 0.2
# A negation is compared only where the two speak of the same thing.
_SAME_THING_FROM = 0.6
_MOST_SPANS = 3


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of the check of one sentence.

    `score` is in 0..1; 1 is certain and kept for QUOTED. `spans` are the evidence sentences that carry the sentence
    best, as (index in the evidence, start, end), the best first; they are empty where the evidence is. `reasons` say
    in plain words what was not found, for each state below SUPPORTED.
    """

    support: Support
    score: float
    spans: tuple[EvidenceSpan, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Piece:
    """One evidence sentence: evidence[index][start:end] == text."""

    index: int
    start: int
    end: int
    text: str
    terms: frozenset[str]


@dataclass(frozen=True, slots=True)
class Measures:
    """What was measured of one sentence against its evidence: the parts of the score, each for an ablation."""

    coverage: float
    cosine: float
    wrong_numbers: tuple[Number, ...]
    wrong_dates: tuple[Date, ...]
    wrong_names: tuple[Word, ...]
    wrong_polarity: tuple[str, ...]
    spans: tuple[EvidenceSpan, ...]

    @property
    def score(self) -> float:
        """The mean of coverage and cosine, less the cost of a wrong number or date; within 0..1."""
        score = (self.coverage + self.cosine) / 2
        if self.wrong_numbers or self.wrong_dates:
            score -= _WRONG_FACT_COSTS
        return min(1.0, max(0.0, score))


def verify(sentence: str, evidence: Sequence[str], embed: Embed) -> Verdict:
    """The check of `sentence` against the texts it cites.

    `embed` turns texts into unit vectors of shape (len(texts), dimensions), as `index.embedding` does; it is called at
    most once. Whatever it raises is passed on.
    """
    quoted = quoted_span(sentence, evidence)
    return judge(quoted, None if quoted else measure(sentence, evidence, embed))


def judge(quoted: EvidenceSpan | None, measures: Measures | None) -> Verdict:
    """The verdict on a sentence from where it is quoted, if it is, and from what was measured of it, if it could be."""
    if quoted is not None:
        return Verdict(Support.QUOTED, 1.0, (quoted,), ())
    if measures is None:
        return Verdict(Support.UNSUPPORTED, 0.0, (), ("There are no words to compare.",))
    state = _state(measures)
    return Verdict(state, measures.score, measures.spans, () if state is Support.SUPPORTED else _reasons(measures))


def _state(measures: Measures) -> Support:
    score = measures.score
    if score < PARTLY_FROM or measures.wrong_numbers or measures.wrong_dates:
        return Support.UNSUPPORTED
    if score < SUPPORTED_FROM or measures.wrong_names or measures.wrong_polarity:
        return Support.PARTLY
    return Support.SUPPORTED


def measure(sentence: str, evidence: Sequence[str], embed: Embed) -> Measures | None:
    """The parts of the score; None where the sentence or the evidence holds no word."""
    pieces = _pieces(evidence)
    told = frozenset(term for word in words(sentence) if word.tells for term in word.terms)
    told = told or frozenset(term for word in words(sentence) for term in word.terms)
    if not pieces or not told:
        return None
    stretches: list[tuple[_Piece, ...]] = [(piece,) for piece in pieces]
    stretches += [(a, b) for a, b in pairwise(pieces) if a.index == b.index]
    texts = [evidence[s[0].index][s[0].start : s[-1].end] for s in stretches]
    vectors = embed([sentence, *texts])
    cosines = np.asarray(vectors[1:] @ vectors[0], dtype=np.float64)
    coverages = np.array([len(told & _terms_of(stretch)) / len(told) for stretch in stretches])
    best = stretches[int(np.argmax(coverages + cosines))]
    chosen = _completed(best, pieces, told)
    wrong_numbers, wrong_dates, wrong_names = _unfounded(sentence, chosen, evidence)
    coverage = float(coverages.max())
    return Measures(
        coverage=coverage,
        cosine=float(cosines.max()),
        wrong_numbers=wrong_numbers,
        wrong_dates=wrong_dates,
        wrong_names=wrong_names,
        wrong_polarity=_contradicted(sentence, best) if coverage >= _SAME_THING_FROM else (),
        spans=tuple((piece.index, piece.start, piece.end) for piece in chosen),
    )


def _pieces(evidence: Sequence[str]) -> list[_Piece]:
    pieces: list[_Piece] = []
    for index, text in enumerate(evidence):
        for span in sentence_spans(text):
            start, end = trimmed(text, span)
            found = frozenset(term for word in words(text[start:end]) for term in word.terms)
            if found:
                pieces.append(_Piece(index, start, end, text[start:end], found))
    return pieces


def _terms_of(pieces: Sequence[_Piece]) -> frozenset[str]:
    return frozenset().union(*(piece.terms for piece in pieces))


def _completed(best: tuple[_Piece, ...], pieces: Sequence[_Piece], told: frozenset[str]) -> tuple[_Piece, ...]:
    """`best` without a sentence that adds no telling word, and with those that add most, up to three in all."""
    chosen: list[_Piece] = []
    candidates: Sequence[_Piece] = best
    while len(chosen) < _MOST_SPANS:
        missing = told - _terms_of(chosen)
        piece = max(candidates, key=lambda p: len(missing & p.terms))
        if chosen and not missing & piece.terms:
            if candidates is pieces:
                break
            candidates = pieces
            continue
        chosen.append(piece)
        if len(chosen) == len(best):
            candidates = pieces
    return tuple(chosen)


def _unfounded(
    sentence: str, chosen: Sequence[_Piece], evidence: Sequence[str]
) -> tuple[tuple[Number, ...], tuple[Date, ...], tuple[Word, ...]]:
    stated_dates = dates(sentence)
    stated_numbers = [
        number
        for number in numbers(sentence)
        if not is_seldom_a_number(number) and not any(d.start <= number.start < d.end for d in stated_dates)
    ]
    stated_names = list(names(sentence))
    first = opener(sentence)
    if first is not None and all(name.start != first.start for name in stated_names):
        stated_names.append(first)
    held_numbers = [number for piece in chosen for number in numbers(piece.text)]
    held_dates = [date for piece in chosen for date in dates(piece.text)]
    held_terms = _terms_of(chosen)
    held_initials = frozenset().union(*(initials(text) for text in evidence))
    return (
        tuple(number for number in stated_numbers if not agrees(number, held_numbers)),
        tuple(date for date in stated_dates if not date_agrees(date, held_dates, held_numbers)),
        tuple(name for name in stated_names if not name_agrees(name, held_terms, held_initials)),
    )


def _contradicted(sentence: str, best: Sequence[_Piece]) -> tuple[str, ...]:
    """Words of the sentence that the evidence denies where it asserts, or the other way, or says the opposite of."""
    asserted, denied = polarity(sentence)
    held_asserted = frozenset().union(*(polarity(piece.text)[0] for piece in best))
    held_denied = frozenset().union(*(polarity(piece.text)[1] for piece in best))
    held = _terms_of(best)
    found: list[str] = []
    for word in words(sentence):
        for term in word.terms:
            turned = (term in denied - asserted and term in held_asserted - held_denied) or (
                term in asserted - denied and term in held_denied - held_asserted
            )
            if turned or opposed(term, held) is not None:
                found.append(word.text)
    return tuple(dict.fromkeys(found))


def _reasons(measures: Measures) -> tuple[str, ...]:
    reasons = [f"The number {number.text} is not in the words cited." for number in measures.wrong_numbers]
    reasons += [f"The date {date.text} is not in the words cited." for date in measures.wrong_dates]
    reasons += [f"The name {name.text} is not in the words cited." for name in measures.wrong_names]
    reasons += [f"The words cited seem to say the opposite about “{word}”." for word in measures.wrong_polarity]
    if measures.score < SUPPORTED_FROM:
        share = round(100 * measures.coverage)
        reasons.append(f"{share}% of the sentence's telling words stand together in the words cited.")
    return tuple(reasons)


# Folding for the comparison of quotes: each of these is written many ways for the same sign.
_FOLDED = {
    **dict.fromkeys("“”„‟«»″", '"'),
    **dict.fromkeys("‘’‚‛′`´", "'"),
    **dict.fromkeys("‐‑‒–—―−", "-"),
    "…": "...",
    **dict.fromkeys("\u00ad\u200b\u200c\u200d\u2060\ufeff", ""),
}


def quoted_span(sentence: str, evidence: Sequence[str]) -> EvidenceSpan | None:
    """Where `sentence` stands in the evidence as one or more whole sentences of it, word for word; else None.

    White space, quote marks and dashes are folded, nothing else is. A match inside a sentence is none: "the earth is
    flat" is not what "He denied that the earth is flat" says.
    """
    wanted, _ = _folded(sentence)
    if not any(sign.isalnum() for sign in wanted):
        return None
    found: list[EvidenceSpan] = []
    for index, text in enumerate(evidence):
        folded, origin = _folded(text)
        at = folded.find(wanted)
        if at < 0:
            continue
        starts, ends = _borders(text)
        while at >= 0:
            start, end = origin[at], origin[at + len(wanted) - 1] + 1
            if start in starts and end in ends:
                if text[start:end] == sentence:
                    return index, start, end
                found.append((index, start, end))
            at = folded.find(wanted, at + 1)
    return found[0] if found else None


def _folded(text: str) -> tuple[str, list[int]]:
    """`text` folded and trimmed, and for each of its characters the offset in `text` it comes from."""
    signs: list[str] = []
    origin: list[int] = []
    for at, sign in enumerate(text):
        for folded in " " if sign.isspace() else _FOLDED.get(sign, sign):
            if folded == " " and (not signs or signs[-1] == " "):
                continue
            signs.append(folded)
            origin.append(at)
    if signs and signs[-1] == " ":
        signs.pop()
        origin.pop()
    return "".join(signs), origin


def _borders(text: str) -> tuple[frozenset[int], frozenset[int]]:
    """Offsets at which a sentence may be said to start, and to end; marks around it may be left out."""
    starts: set[int] = set()
    ends: set[int] = set()
    for span in sentence_spans(text):
        start, end = trimmed(text, span)
        starts.add(start)
        while start < end and not text[start].isalnum():
            start += 1
            starts.add(start)
        ends.add(end)
        while end > start and not text[end - 1].isalnum():
            end -= 1
            ends.add(end)
    return frozenset(starts), frozenset(ends)
