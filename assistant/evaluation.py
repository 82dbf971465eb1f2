"""A person's own questions -> how well their folder answers them.

A file of questions holds one JSON object a line:

    {"question": "Who met whom?", "expect": "Russian Deputy Foreign Minister"}
    {"question": "Where and when?", "expect": ["Geneva", "January 10 | 10 January"], "source": "talks/monday.txt"}
    {"question": "What does a missile cost?", "answerable": false}

`expect` are the words that an answer must hold, all of a list; ` | ` stands between wordings of which one will do. They
are compared as search terms, so case, marks and word endings do not count. `source` is the file that must be cited, by
its path in the folder. `note` is for people and counts for nothing.

Answers that a person rated make such a file. A good answer must go on citing the words it cited first, or go on finding
none. Of a bad one only the question is known, and the person's note: what to expect is for the person to write in.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from assistant.errors import QuestionsUnusable
from assistant.history import Rated
from assistant.library import Library
from assistant.types import Answer, Sentence, Support
from index.terms import terms
from index.types import Hit

EXAMPLE = Path(__file__).with_name("seed_questions.jsonl")
"""Thirty questions about the seeds: twenty that they answer, ten that they do not."""

_RETRIEVED = 10
_KEYS = frozenset({"question", "expect", "source", "answerable", "note"})

Wording = tuple[str, ...]
"""The search terms of a few words, in order."""


@dataclass(frozen=True, slots=True)
class Case:
    """A question and what is known of its answer. Of each part of `expect`, one wording must be held; `source` is empty
    where any will do."""

    question: str
    expect: tuple[tuple[Wording, ...], ...] = ()
    source: str = ""
    answerable: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one question.

    `rank` is how many passages of the search it takes until they hold what is expected, from 1; None where the first
    ten do not, or nothing is expected. `right` says whether the first sentence of the answer, or the words it cites,
    hold it; None where nothing is expected. `sentences` counts the answer's sentences by their support. `seconds` is
    the time until the whole answer was there; `complete` is False for an answer that broke off.
    """

    question: str
    answerable: bool
    expected: bool
    found: bool
    rank: int | None
    right: bool | None
    first: str
    sentences: Mapping[str, int]
    seconds: float
    complete: bool


@dataclass(frozen=True, slots=True)
class Figures:
    """The outcomes in figures; shares are from 0 to 1, and None where there was nothing to take a share of.

    `hit_1`, `hit_5`, `hit_10`: so many questions had what is expected within the first passages of the search.
    `right`: answerable questions whose first sentence holds what is expected; `right_answered`: the same share of those
    that were answered. `answer_rate`: answerable questions that were answered. `refusal_precision`: refusals that were
    due; `refusal_recall`: unanswerable questions that were refused. `quoted`, `supported`, `partly`, `unsupported`:
    sentences by how far the words they cite carry them. `p50`, `p95`: percentiles of the seconds an answer took.
    """

    questions: int
    answerable: int
    hit_1: float | None
    hit_5: float | None
    hit_10: float | None
    right: float | None
    right_answered: float | None
    answer_rate: float | None
    refusal_precision: float | None
    refusal_recall: float | None
    quoted: float | None
    supported: float | None
    partly: float | None
    unsupported: float | None
    p50: float
    p95: float
    broken_off: int


@dataclass(frozen=True, slots=True)
class Run:
    """Outcomes with their figures, as they are kept to be compared with."""

    figures: Figures
    outcomes: tuple[Outcome, ...]


def read_cases(path: Path) -> tuple[Case, ...]:
    """The questions of a file. Raises QuestionsUnusable, which names the line at fault."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as fault:
        raise QuestionsUnusable(f"{path} cannot be read as a text file in UTF-8 ({_reason(fault)}).") from fault
    cases: list[Case] = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                cases.append(_case(json.loads(line)))
            except json.JSONDecodeError as fault:
                raise QuestionsUnusable(f"{path}, line {number}: this is not JSON ({fault.msg}).") from fault
            except ValueError as fault:
                raise QuestionsUnusable(f"{path}, line {number}: {fault}") from None
    if not cases:
        raise QuestionsUnusable(f'{path} holds no questions. Write one a line: {{"question": "Who met whom?"}}')
    return tuple(cases)


def rated_cases(rated: Sequence[Rated]) -> str:
    """Rated answers as a file of questions; where a question was rated more than once, the last rating counts."""
    lines = {one.answer.question: json.dumps(_rated_case(one), ensure_ascii=False) + "\n" for one in rated}
    return "".join(lines.values())


def evaluate(library: Library, cases: Sequence[Case]) -> Iterator[Outcome]:
    """Ask each question, by itself, and say what became of it. Raises IndexDamaged."""
    for case in cases:
        hits = library.search(case.question, _RETRIEVED)
        began = time.perf_counter()
        *_, answer = library.ask(case.question)
        seconds = time.perf_counter() - began
        expected = case.answerable and bool(case.expect or case.source)
        yield Outcome(
            question=case.question,
            answerable=case.answerable,
            expected=expected,
            found=answer.found,
            rank=_rank(case, hits) if expected else None,
            right=_is_right(case, answer) if expected else None,
            first=answer.sentences[0].text if answer.sentences else "",
            sentences=dict(Counter(sentence.support.value for sentence in answer.sentences)),
            seconds=seconds,
            complete=answer.complete,
        )


def figures(outcomes: Sequence[Outcome]) -> Figures:
    """The outcomes in figures; there must be at least one."""
    answerable = [outcome for outcome in outcomes if outcome.answerable]
    unanswerable = [outcome for outcome in outcomes if not outcome.answerable]
    refused = [outcome for outcome in outcomes if not outcome.found]
    expected = [outcome for outcome in outcomes if outcome.expected]
    answered = [outcome for outcome in expected if outcome.found]
    ranks = [outcome.rank or _RETRIEVED + 1 for outcome in expected]
    by_support: Counter[str] = Counter()
    for outcome in outcomes:
        by_support.update(outcome.sentences)
    support = {state.value: _share(by_support[state.value], by_support.total()) for state in Support}
    p50, p95 = np.percentile([outcome.seconds for outcome in outcomes], [50, 95])
    return Figures(
        questions=len(outcomes),
        answerable=len(answerable),
        hit_1=_share(sum(rank <= 1 for rank in ranks), len(ranks)),
        hit_5=_share(sum(rank <= 5 for rank in ranks), len(ranks)),
        hit_10=_share(sum(rank <= 10 for rank in ranks), len(ranks)),
        right=_share(sum(outcome.right is True for outcome in expected), len(expected)),
        right_answered=_share(sum(outcome.right is True for outcome in answered), len(answered)),
        answer_rate=_share(sum(outcome.found for outcome in answerable), len(answerable)),
        refusal_precision=_share(sum(not outcome.answerable for outcome in refused), len(refused)),
        refusal_recall=_share(sum(not outcome.found for outcome in unanswerable), len(unanswerable)),
        p50=float(p50),
        p95=float(p95),
        broken_off=sum(not outcome.complete for outcome in outcomes),
        **support,
    )


def as_json(run: Run) -> str:
    """A run as JSON that `read_run` reads again."""
    return json.dumps(asdict(run), ensure_ascii=False, indent=2)


def read_run(path: Path) -> Run:
    """A run that was kept with `footnote eval --json`. Raises QuestionsUnusable."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8-sig"))
        return Run(
            Figures(**{field.name: kept["figures"][field.name] for field in fields(Figures)}),
            tuple(Outcome(**outcome) for outcome in kept["outcomes"]),
        )
    except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError) as fault:
        raise QuestionsUnusable(
            f"{path} is no earlier evaluation ({_reason(fault)}). Keep one with: footnote eval --json > {path.name}"
        ) from fault


def _case(read: Any) -> Case:
    """Raises ValueError with what is wrong, for the person."""
    if not isinstance(read, dict):
        raise ValueError('a line is an object, such as {"question": "Who met whom?", "expect": "the minister"}.')
    if unknown := sorted(read.keys() - _KEYS):
        raise ValueError(f"'{unknown[0]}' is not known here; a line has {', '.join(sorted(_KEYS))}.")
    question, source, answerable = read.get("question"), read.get("source", ""), read.get("answerable", True)
    if not isinstance(question, str) or not question.strip():
        raise ValueError("'question' is missing or is no text.")
    if not isinstance(read.get("note", ""), str):
        raise ValueError("'note' must be text.")
    if not isinstance(source, str):
        raise ValueError("'source' must be the path of one file in the folder.")
    if not isinstance(answerable, bool):
        raise ValueError("'answerable' must be true or false.")
    wanted = read.get("expect", [])
    parts = [wanted] if isinstance(wanted, str) else wanted
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise ValueError("'expect' must be words in quotes, or a list of such.")
    expect = tuple(tuple(tuple(terms(wording)) for wording in part.split(" | ")) for part in parts)
    if not all(wording for part in expect for wording in part):
        raise ValueError("'expect' has a part without a word.")
    if not answerable and (expect or source):
        raise ValueError("a question that is not answerable has neither 'expect' nor 'source'.")
    return Case(question, expect, source, answerable)


def _rated_case(rated: Rated) -> dict[str, Any]:
    answer, rating = rated.answer, rated.rating
    case: dict[str, Any] = {"question": answer.question}
    if rating.good and not answer.found:
        case["answerable"] = False
    elif rating.good and answer.citations:
        words = answer.citations[0].quote.replace(" | ", " ")  # a bar would part two wordings
        if terms(words):
            case["expect"] = words
        case["source"] = answer.citations[0].source
    said = ("good" if rating.good else "bad") + (f": {rating.note}" if rating.note else "")
    return {**case, "note": said}


def _rank(case: Case, hits: Sequence[Hit]) -> int | None:
    seen: list[str] = []
    for rank, hit in enumerate(hits, 1):
        if case.source in ("", hit.passage.source):
            seen.append(hit.passage.text)
            if _hold(seen, case):
                return rank
    return None


def _is_right(case: Case, answer: Answer) -> bool:
    if not answer.sentences:
        return False
    first: Sentence = answer.sentences[0]
    cited = {source for citation in first.citations for source in (citation.source, *citation.also_in)}
    if case.source and case.source not in cited:
        return False
    return _hold([first.text], case) or _hold([citation.quote for citation in first.citations], case)


def _hold(texts: Sequence[str], case: Case) -> bool:
    held = [terms(text) for text in texts]
    return all(any(_within(wording, words) for wording in part for words in held) for part in case.expect)


def _within(wording: Wording, words: Sequence[str]) -> bool:
    return any(tuple(words[at : at + len(wording)]) == wording for at in range(len(words) - len(wording) + 1))


def _share(count: int, of: int) -> float | None:
    return count / of if of else None


def _reason(fault: Exception) -> str:
    return getattr(fault, "strerror", None) or type(fault).__name__
