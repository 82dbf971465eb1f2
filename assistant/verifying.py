"""The check of a generated sentence against the passages it cites: in code, offline, without a language model. Pure.

Two things are measured and two are checked.

Measured, over stretches of one or two neighbouring sentences of the evidence, the best of them counting:

- words: the share of the sentence's telling words (all but the closed classes) that stand in the stretch, by stem;
- meaning: the cosine of the sentence's and the stretch's embeddings.

The score is their mean, less a fixed amount for each kind of fact that the supporting sentences do not hold. The
weights are round and equal on purpose: a logistic model fitted to the same parts did no better on a data set that it
had not seen (figures in bench/RESULTS.md).

Checked: that every number, date and name of the sentence stands in the evidence sentences that support it, a number
with its own thing and year; that what it puts between quote marks stands in the evidence word for word; and that
nothing is denied in one that is asserted in the other. A fact that fails caps the state whatever the score: a number
or date that is not there makes the sentence UNSUPPORTED, anything else PARTLY at most.

Measured on AttributionBench's dev set (1,198 rows of four sources, half of them supported), where the thresholds were
chosen: AUROC 0.77, mean over the sources 0.80. Supported were 26 of 26 rows judged QUOTED, 85% of those judged
SUPPORTED (65% to 100% by source), 60% of PARTLY and 30% of UNSUPPORTED. Not caught: who did what to whom, where the
words are the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
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
    misplaced,
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

_MISSING_FIGURE_COSTS = 0.2
# A negation is compared only where the two speak of the same thing.
_SAME_THING_FROM = 0.6
_MOST_SPANS = 3
_QUOTATION = re.compile(r'"([^"]+)"')


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
    numbers: tuple[Number, ...]


@dataclass(frozen=True, slots=True)
class _Told:
    """What a sentence says, to be looked for: the terms of its telling words, and its numbers apart from them, since a
    number may be written in many ways."""

    terms: frozenset[str]
    numbers: tuple[Number, ...]

    def __len__(self) -> int:
        return len(self.terms) + len(self.numbers)

    def without(self, pieces: Sequence[_Piece]) -> _Told:
        """What is left of it when all that the pieces hold is taken away."""
        held = [number for piece in pieces for number in piece.numbers]
        return _Told(self.terms - _terms_of(pieces), tuple(n for n in self.numbers if not agrees(n, held)))


@dataclass(frozen=True, slots=True)
class Measures:
    """What was measured of one sentence against its evidence: the parts of the score, each for an ablation."""

    coverage: float
    cosine: float
    missing_numbers: tuple[Number, ...]
    missing_dates: tuple[Date, ...]
    missing_names: tuple[Word, ...]
    missing_quotations: tuple[str, ...]
    misplaced_numbers: tuple[Number, ...]
    contradicted: tuple[str, ...]
    spans: tuple[EvidenceSpan, ...]

    @property
    def score(self) -> float:
        """The mean of coverage and cosine, less the cost of a wrong number or date; within 0..1."""
        score = (self.coverage + self.cosine) / 2
        if self.missing_numbers or self.missing_dates:
            score -= _MISSING_FIGURE_COSTS
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
    if measures.score < PARTLY_FROM or measures.missing_numbers or measures.missing_dates:
        return Support.UNSUPPORTED
    doubtful = (
        measures.missing_names
        or measures.missing_quotations
        or measures.misplaced_numbers
        or measures.contradicted
        or measures.score < SUPPORTED_FROM
    )
    return Support.PARTLY if doubtful else Support.SUPPORTED


def measure(sentence: str, evidence: Sequence[str], embed: Embed) -> Measures | None:
    """The parts of the score; None where the sentence or the evidence holds no word."""
    pieces = _pieces(evidence)
    told = _told(sentence)
    if not pieces or not len(told):
        return None
    stretches: list[tuple[_Piece, ...]] = [(piece,) for piece in pieces]
    stretches += [(a, b) for a, b in pairwise(pieces) if a.index == b.index]
    texts = [evidence[s[0].index][s[0].start : s[-1].end] for s in stretches]
    vectors = embed([sentence, *texts])
    cosines = np.asarray(vectors[1:] @ vectors[0], dtype=np.float64)
    coverages = np.array([1 - len(told.without(stretch)) / len(told) for stretch in stretches])
    best = stretches[int(np.argmax(coverages + cosines))]
    chosen = _completed(best, pieces, told)
    missing_numbers, missing_dates, missing_names = _missing(sentence, told, chosen, evidence)
    coverage = float(coverages.max())
    return Measures(
        coverage=coverage,
        cosine=float(cosines.max()),
        missing_numbers=missing_numbers,
        missing_dates=missing_dates,
        missing_names=missing_names,
        missing_quotations=_missing_quotations(sentence, evidence),
        misplaced_numbers=misplaced(sentence, [piece.text for piece in chosen]),
        contradicted=_contradicted(sentence, best, chosen) if coverage >= _SAME_THING_FROM else (),
        spans=tuple((piece.index, piece.start, piece.end) for piece in chosen),
    )


def _told(sentence: str) -> _Told:
    found = tuple(number for number in numbers(sentence) if not is_seldom_a_number(number))
    spelled = [word for word in words(sentence) if not any(n.start <= word.start < n.end for n in found)]
    telling = frozenset(term for word in spelled if word.tells for term in word.terms)
    if not telling and not found:
        telling = frozenset(term for word in spelled for term in word.terms)
    return _Told(telling, found)


def _pieces(evidence: Sequence[str]) -> list[_Piece]:
    pieces: list[_Piece] = []
    for index, text in enumerate(evidence):
        for span in sentence_spans(text):
            start, end = trimmed(text, span)
            found = frozenset(term for word in words(text[start:end]) for term in word.terms)
            if found:
                pieces.append(_Piece(index, start, end, text[start:end], found, numbers(text[start:end])))
    return pieces


def _terms_of(pieces: Sequence[_Piece]) -> frozenset[str]:
    return frozenset().union(*(piece.terms for piece in pieces))


def _completed(best: tuple[_Piece, ...], pieces: Sequence[_Piece], told: _Told) -> tuple[_Piece, ...]:
    """`best` without a sentence that adds nothing of what is told, and with those that add most, up to three in all."""
    chosen: list[_Piece] = []
    for candidates, at_most in ((best, len(best)), (pieces, _MOST_SPANS)):
        while len(chosen) < at_most:
            missing = told.without(chosen)
            piece = min(candidates, key=lambda p: len(missing.without([p])))
            if chosen and len(missing.without([piece])) == len(missing):
                break
            chosen.append(piece)
    return tuple(chosen)


def _missing(
    sentence: str, told: _Told, chosen: Sequence[_Piece], evidence: Sequence[str]
) -> tuple[tuple[Number, ...], tuple[Date, ...], tuple[Word, ...]]:
    stated_dates = dates(sentence)
    stated_numbers = [n for n in told.numbers if not any(d.start <= n.start < d.end for d in stated_dates)]
    stated_names = list(names(sentence))
    first = opener(sentence)
    if first is not None and all(name.start != first.start for name in stated_names):
        stated_names.append(first)
    # A sentence that shares nothing but a number is about another thing of that number.
    held_numbers = [number for piece in chosen if told.terms & piece.terms for number in piece.numbers]
    held_dates = [date for piece in chosen for date in dates(piece.text)]
    held_terms = _terms_of(chosen)
    held_initials = frozenset().union(*(initials(text) for text in evidence))
    return (
        tuple(number for number in stated_numbers if not agrees(number, held_numbers)),
        tuple(date for date in stated_dates if not date_agrees(date, held_dates, held_numbers)),
        tuple(name for name in stated_names if not name_agrees(name, held_terms, held_initials)),
    )


def _missing_quotations(sentence: str, evidence: Sequence[str]) -> tuple[str, ...]:
    """What the sentence puts between double quote marks, three words or more, and the evidence does not hold so."""
    folded, _ = _folded(sentence)
    held = [_folded(text)[0].casefold() for text in evidence]
    quotations = [quotation.strip(" .,;:!?") for quotation in _QUOTATION.findall(folded)]
    return tuple(q for q in quotations if len(q.split()) >= 3 and not any(q.casefold() in text for text in held))


def _contradicted(sentence: str, best: Sequence[_Piece], chosen: Sequence[_Piece]) -> tuple[str, ...]:
    """Words of the sentence that `best` denies where it asserts, or the other way, or whose opposite is in `best`; and
    the words it denies where nothing in `chosen` denies anything."""
    asserted, denied = polarity(sentence)
    held_asserted = frozenset().union(*(polarity(piece.text)[0] for piece in best))
    held_denied = frozenset().union(*(polarity(piece.text)[1] for piece in best))
    held = _terms_of(best)
    turned = (denied - asserted) & (held_asserted - held_denied) | (asserted - denied) & (held_denied - held_asserted)
    if not any(polarity(piece.text)[1] for piece in chosen):
        turned |= denied
    found = [
        word.text
        for word in words(sentence)
        for term in word.terms
        if term in turned or opposed(term, held) is not None
    ]
    return tuple(dict.fromkeys(found))


def _reasons(measures: Measures) -> tuple[str, ...]:
    missing = [("number", number.text) for number in measures.missing_numbers]
    missing += [("date", date.text) for date in measures.missing_dates]
    missing += [("name", name.text) for name in measures.missing_names]
    reasons = [f"The {kind} {text} is not where the cited passage speaks of this." for kind, text in missing]
    reasons += [
        f"The cited passage does not hold “{quotation}” word for word." for quotation in measures.missing_quotations
    ]
    reasons += [f"The cited passage gives {n.text} for something else." for n in measures.misplaced_numbers]
    if measures.contradicted:
        about = ", ".join(f"“{word}”" for word in measures.contradicted)
        reasons.append(f"The cited passage seems to say the opposite about {about}.")
    if measures.coverage < SUPPORTED_FROM:
        share = round(100 * measures.coverage)
        reasons.append(f"The cited passage holds {share}% of the words that carry the sentence.")
    if measures.cosine < PARTLY_FROM:
        reasons.append("The cited passage is not close to the sentence in meaning.")
    return tuple(reasons) or ("The cited passage is near the sentence in words and meaning, but not near enough.",)


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
    if not any(sign.isalnum() for sign in sentence):
        return None
    borders = [_borders(text) for text in evidence]
    for exactly in (True, False):
        for index, text in enumerate(evidence):
            for start, end in _occurrences(sentence, text, exactly=exactly):
                if start in borders[index][0] and end in borders[index][1]:
                    return index, start, end
    return None


def _occurrences(sentence: str, text: str, *, exactly: bool) -> Iterator[tuple[int, int]]:
    """Where `sentence` stands in `text`, as it is or folded, as offsets in `text`."""
    wanted, _ = (sentence, []) if exactly else _folded(sentence)
    searched, origin = (text, range(len(text))) if exactly else _folded(text)
    at = searched.find(wanted)
    while at >= 0:
        yield origin[at], origin[at + len(wanted) - 1] + 1
        at = searched.find(wanted, at + 1)


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
