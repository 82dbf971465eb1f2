"""A question inside a conversation -> the questions it may stand for, each whole by itself. Offline and pure.

A follow-up leaves out what the turn before named: "What about the second one?", "And in Ukraine?", "Why?". It is read
together with the last question that stood by itself. What it adds of its own must then be found as well, so that the
words of the earlier question cannot carry an answer to another one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.history import Turn
from assistant.questions import names
from index.terms import STOPWORDS, question_terms

# A question of no more telling words than this may be the rest of an earlier one.
_SHORT = 2
_LEADING = re.compile(
    r"\s*(?:(?:and|but|so|or|then|also|ok(?:ay)?|well|yes|no)\b[\s,]*)*(?:(?:what|how) about\b|and\b|but\b|or\b"
    r"|why\b(?:\s+(?:not|so|is that|was that))?\s*\?*$)",
    re.I,
)
_PERSON = re.compile(r"\b(?:he|she|they|him|her|hers|them|their|theirs|his)\b", re.I)
# These may point back, and as often do not ("who said that ...", "there are").
_THING = re.compile(
    r"\b(?:it|its|this|that|these|those|there|one|ones|former|latter|first|second|third|last|next|other|others|another"
    r"|same|both|else)\b",
    re.I,
)
_MORE = re.compile(
    r"\s*(?:yes|yeah|yep|sure|ok(?:ay)?|please|more|go on|continue|show me|show more|tell me more|yes,? please"
    r"|(?:any|some)thing (?:else|more)|what else|more of (?:it|them|that|those)|next)[\s.!?]*(?:please)?[\s.!?]*",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Reading:
    """A question that is whole by itself. `own` are the terms that a follow-up adds and an answer must have around it;
    `shown` are the (source, start, end) of the words that were given already and are not given again."""

    question: str
    own: tuple[str, ...] = ()
    shown: frozenset[tuple[str, int, int]] = frozenset()


def readings(question: str, turns: Sequence[Turn]) -> tuple[Reading, ...]:
    """What the question may stand for, the likeliest first; itself alone where no conversation went before."""
    as_it_is = Reading(question)
    subject = _subject(turns)
    if subject is None:
        return (as_it_is,)
    if _MORE.fullmatch(question):
        return (Reading(subject.question, shown=_shown(turns, subject)),)
    together = Reading(f"{subject.question} {question}", own=_own(question))
    if is_follow_up(question):
        who = " ".join(sorted(names(subject.question)))
        about_them = Reading(f"{who} {question}", own=together.own)
        return (about_them, together) if who and together.own and _PERSON.search(question) else (together,)
    points_back = _THING.search(question) is not None and not names(question)
    if points_back or len(question_terms(question)) <= _SHORT:
        return (as_it_is, together)
    return (as_it_is,)


def is_follow_up(question: str) -> bool:
    """Whether the question cannot be understood without what went before it."""
    if _MORE.fullmatch(question) or _LEADING.match(question) or not _own(question):
        return True
    person = _PERSON.search(question)
    return person is not None and not names(question[: person.start()])


def _subject(turns: Sequence[Turn]) -> Turn | None:
    """What the conversation is about: the last question that stood by itself and was answered, else the last one that
    stood by itself."""
    whole = [turn for turn in reversed(turns) if not is_follow_up(turn.question)]
    answered = (turn for turn in whole if turn.answer is not None and turn.answer.found)
    return next(answered, next(iter(whole), None))


def _own(question: str) -> tuple[str, ...]:
    """The terms of a question that are neither ways of asking nor ways of pointing back."""
    bare = _THING.sub(" ", _PERSON.sub(" ", _LEADING.sub(" ", question)))
    return tuple(question_terms(bare)) if _tells(bare) else ()


def _tells(text: str) -> bool:
    return any(word.casefold() not in STOPWORDS for word in re.findall(r"[^\W_]+", text))


def _shown(turns: Sequence[Turn], subject: Turn) -> frozenset[tuple[str, int, int]]:
    since = turns[list(turns).index(subject) :]
    return frozenset(
        (citation.source, citation.start, citation.end)
        for turn in since
        if turn.answer is not None
        for citation in turn.answer.citations
    )
